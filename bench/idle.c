/* SPDX-License-Identifier: MIT */
/* A child that stays until it is killed, and costs nothing meanwhile: the "live" children of a measurement. */
#if defined(__x86_64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	mov $34, %eax\n" /* pause */
	"	syscall\n"
	"	jmp _start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	mov x8, #73\n" /* ppoll of nothing, for ever */
	"	mov x0, #0\n"
	"	mov x1, #0\n"
	"	mov x2, #0\n"
	"	mov x3, #0\n"
	"	svc #0\n"
	"	b _start\n");
#endif
