/* SPDX-License-Identifier: MIT */
/* Where a child's stamp is: in turns, so that the page stays small however many children there were. */
#ifndef BENCH_STAMPS_H
#define BENCH_STAMPS_H

enum { NSTAMPS = 4096, STAMPS_SIZE = NSTAMPS * 16 };
#define STAMP_INDEX(pid) ((unsigned int)(pid) % NSTAMPS)

#endif
