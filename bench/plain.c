/* SPDX-License-Identifier: MIT */
/* The smallest program that uses a C library: what its start-up, and a dynamic linker, add to a start. */
int main(void)
{
	return 42;
}
