/* SPDX-License-Identifier: MIT */
/*
 * Processes that others have started, on the ring with one's own: one by its pid, as posix_spawn() returns it, and one
 * by a pidfd, as it may come over a socket. Here the pidfd is that of a child of ours, let out of our hands.
 */
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>
#include <uspawn.h>

extern char **environ;

int main(void)
{
	char *three[] = { "sh", "-c", "exit 3", NULL }, *four[] = { "sh", "-c", "exit 4", NULL };
	struct uspawn_child by_pid, by_pidfd, ours;
	struct uspawn_event event;
	struct uspawn_ring *ring;
	int ends = 0, pidfd, r;
	pid_t pid;

	if (uspawn_ring_new(&ring, 2, 0) < 0 || posix_spawnp(&pid, "sh", NULL, NULL, three, environ) ||
	    uspawn(&ours, USPAWN(request, .argv = four), NULL) < 0)
		return 1;
	pidfd = uspawn_release(&ours);
	/* A pid is safe as long as nobody has waited for it. A pidfd that is given is the library's to close. */
	if (uspawn_adopt(&by_pid, pid, -1, 0) < 0 || uspawn_adopt(&by_pidfd, 0, pidfd, USPAWN_ADOPT_GIVE) < 0 ||
	    uspawn_ring_add(ring, &by_pid) < 0 || uspawn_ring_add(ring, &by_pidfd) < 0)
		return 1;
	while ((r = uspawn_ring_wait(ring, &event, 1, -1)) >= 0)
		ends += r;
	uspawn_ring_free(ring);
	printf("%d ends: status %d, status %d\n", ends, by_pid.exit.status, by_pidfd.exit.status);
	return ends == 2 && by_pid.exit.status == 3 && by_pidfd.exit.status == 4 ? 0 : 1;
}
