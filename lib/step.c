/* SPDX-License-Identifier: MIT */
/* The names of steps as people read them. */
#include <uspawn.h>

const char *uspawn_strstep(uint32_t step)
{
	switch ((enum uspawn_step)step) {
	case USPAWN_STEP_NONE:
		return "none";
	case USPAWN_STEP_REQUEST:
		return "request";
	case USPAWN_STEP_SOURCE:
		return "source";
	case USPAWN_STEP_PIPE:
		return "pipe";
	case USPAWN_STEP_CGROUP:
		return "cgroup";
	case USPAWN_STEP_CLONE:
		return "clone";
	case USPAWN_STEP_SETSID:
		return "setsid";
	case USPAWN_STEP_SETPGROUP:
		return "setpgroup";
	case USPAWN_STEP_FD:
		return "fd";
	case USPAWN_STEP_OPEN:
		return "open";
	case USPAWN_STEP_TERMINAL:
		return "terminal";
	case USPAWN_STEP_RLIMIT:
		return "rlimit";
	case USPAWN_STEP_ROOT:
		return "root";
	case USPAWN_STEP_IDENTITY:
		return "identity";
	case USPAWN_STEP_CAPS:
		return "caps";
	case USPAWN_STEP_CWD:
		return "cwd";
	case USPAWN_STEP_UMASK:
		return "umask";
	case USPAWN_STEP_PDEATHSIG:
		return "pdeathsig";
	case USPAWN_STEP_ACTION:
		return "action";
	case USPAWN_STEP_SIGNALS:
		return "signals";
	case USPAWN_STEP_SIGMASK:
		return "sigmask";
	case USPAWN_STEP_CONFINE:
		return "confine";
	case USPAWN_STEP_CALLBACK:
		return "callback";
	case USPAWN_STEP_EXEC:
		return "exec";
	}
	return "unknown";
}
