/* SPDX-License-Identifier: MIT */
/* The relay, as bytes of the library. */
	.section .rodata
	.balign 16
	.globl image_begin
	.hidden image_begin
image_begin:
	.incbin IMAGE
	.globl image_end
	.hidden image_end
image_end:
	.section .note.GNU-stack, "", %progbits
