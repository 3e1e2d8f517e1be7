/* SPDX-License-Identifier: MIT */
#include "iouring.h"
#include "sys.h"

#define SQ_ENTRIES 256

static void end_ring(struct io_uring *ring)
{
	int saved = errno;

	io_uring_queue_exit(ring);
	errno = saved;
}

void iouring_close(struct io_uring *ring, const struct sys_owned *own)
{
	if (!sys_still_owned(own))
		ring->ring_fd = -1;
	end_ring(ring);
}

int iouring_open(struct io_uring *ret, struct sys_owned *retown, uint32_t cq_entries)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG, /* 6.1 */
		0,
	};
	int r = -ENOSYS, high;

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct io_uring_params params = {
			.flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
			.cq_entries = cq_entries,
		};

		r = SYS_KEEP_ERRNO(io_uring_queue_init_params(SQ_ENTRIES, ret, &params));
		if (r == 0 && !(params.features & IORING_FEAT_RSRC_TAGS)) { /* of 5.13, as are multishot polls */
			end_ring(ret);
			r = -ENOSYS;
		}
		if (r != -EINVAL)
			break;
	}
	if (r < 0)
		return r;
	if (ret->ring_fd <= 2) {
		high = sys_dup_from(ret->ring_fd, 3);
		if (high < 0) {
			end_ring(ret);
			return high;
		}
		sys_close(ret->ring_fd);
		ret->ring_fd = ret->enter_ring_fd = high;
	}
	sys_own(retown, ret->ring_fd);
	/* A filter may let it be made and not used: known now, it costs nobody a descriptor later. */
	r = SYS_KEEP_ERRNO(io_uring_enter((unsigned)ret->ring_fd, 0, 0, 0, NULL));
	if (r < 0)
		end_ring(ret);
	return r < 0 ? r : 0;
}
