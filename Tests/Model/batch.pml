/* A batch, one job for each row: R6's second half; I7.
 *
 * The list and its images are taken into staging like any drop; the bundles of the rows are built
 * from copies, `expanded` is made durable, then they are admitted one by one, and the batch's own
 * bundle goes last. Killed at any step, and twice or more, each row is admitted once.
 */
#include "common.pml"

#ifndef ROWS
#define ROWS 3
#endif

mtype = { unbuilt, staged, admitted };
mtype row[ROWS] = unbuilt;
byte admissions[ROWS];
bit expanded;
bit batch = 1;          /* staging/NAME.csv holds the list and its images */

#define FREE skip

proctype Watcher() {
    byte j;
start:
    if
    :: !batch -> goto end
    :: batch && expanded -> goto admit
    :: batch && !expanded
    fi;
    /* Thrown away and built anew. @Expansion.swift removeRows */
    do
    :: j < ROWS -> atomic { CRASH;
        if :: row[j] == staged -> row[j] = unbuilt :: else fi; j++ }
    :: else -> j = 0; break
    od;
#ifdef EXPANDED_FIRST
    atomic { CRASH; expanded = 1 };
#endif
    do
    :: j < ROWS -> atomic { CRASH; /* @Expansion.swift build @Expansion.swift seal */
        row[j] = staged; j++ }
    :: else -> j = 0; break
    od;
#ifndef NOT_EXPANDED
    atomic { CRASH; expanded = 1 }; /* @Expansion.swift expand */
#endif
admit:
    do
    :: j < ROWS -> atomic { CRASH;
        if
        :: row[j] == staged -> /* @Expansion.swift publishRows @Staging.swift publish */
            row[j] = admitted; admissions[j]++;
            CHECK(1, admissions[j] == 1)
        :: else
        fi;
        j++ }
    :: else -> j = 0; break
    od;
    atomic { CRASH; batch = 0 }; /* @Expansion.swift putAway */
end:
    goto over;
dead:
    atomic { j = 0; goto start };
over:
    skip
}

init {
    byte k;
    BEGIN;
    atomic { run Watcher() };
    timeout;
    for (k : 0 .. ROWS - 1) { CHECK(2, admissions[k] == 1) };
    CHECK(3, !batch)
}
