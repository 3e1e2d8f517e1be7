/* SPDX-License-Identifier: MIT */
/* Scenes with a ring; see the table in scenes.c. */
#ifndef TESTS_FAULTS_RINGS_H
#define TESTS_FAULTS_RINGS_H

#include "scenes.h"

void ring_plain(const struct scene *scene, struct record *record);
void ring_limited(const struct scene *scene, struct record *record);
void ring_cared(const struct scene *scene, struct record *record);
void ring_polled(const struct scene *scene, struct record *record);
void ring_external(const struct scene *scene, struct record *record);
void ring_let_go(const struct scene *scene, struct record *record);

#endif
