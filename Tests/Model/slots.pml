/* A station's limit: R10, and R7's look again for a slot that is held.
 *
 * WORKERS workers, JOBS jobs of one station, LIMIT slots. A worker holds the lock of a slot file
 * from before the claim to after the last rename; the kernel frees it when the worker dies.
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#include "common.pml"

#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef JOBS
#define JOBS 3
#endif
#ifndef LIMIT
#define LIMIT 2
#endif

mtype = { queued, running, done };
mtype job[JOBS] = queued;
byte lease[JOBS];
byte slot[LIMIT];       /* .spool/slots/STATION.k, and who holds it */
bit works[WORKERS + 2]; /* the check's own: has a job between claim and end */
bit awake[WORKERS + 2]; /* an event has come that it has not seen */
byte working;
hidden byte k;

#define DROPSLOT for (k : 0 .. LIMIT - 1) { if :: slot[k] == me -> slot[k] = 0 :: else fi }
#define FREE \
    DROPSLOT; \
    for (k : 0 .. JOBS - 1) { if :: lease[k] == me -> lease[k] = 0 :: else fi }; \
    if :: works[me] -> works[me] = 0; working-- :: else fi

proctype Worker(byte me) {
    byte s, j = NONE;
    bit looksAgain;
idle:
    atomic { /* an event in queued/, or the timer of R7 */
#ifdef NO_BACKOFF
        awake[me];
#else
        (awake[me] || looksAgain);
#endif
        CRASH;
        awake[me] = 0; looksAgain = 0; j = NONE;
        for (k : 0 .. JOBS - 1) { if :: job[k] == queued && j == NONE -> j = k :: else fi };
        if :: j == NONE -> goto idle :: else fi
    };
    atomic { /* @Lease.swift lease */
        CRASH;
        if :: job[j] == queued && lease[j] == 0 -> lease[j] = me
           :: else -> j = NONE; looksAgain = 1; goto idle fi
    };
#ifndef SLOT_AFTER_CLAIM
    atomic { /* @Slots.swift slot */
        CRASH;
        s = NONE;
        for (k : 0 .. LIMIT - 1) { if :: slot[k] == 0 && s == NONE -> s = k :: else fi };
        if :: s == NONE -> s = 0; lease[j] = 0; j = NONE; looksAgain = 1; goto idle
           :: else -> slot[s] = me; s = 0 fi
    };
#endif
    atomic { /* @JobQueue.swift take */
        CRASH; job[j] = running; works[me] = 1; working++;
        CHECK(1, working <= LIMIT)
    };
#ifdef SLOT_LET_GO_EARLY
    atomic { CRASH; DROPSLOT };
#endif
    atomic { /* @Claim.swift end */
        CRASH; job[j] = done; works[me] = 0; working--
    };
    atomic { CRASH; FREE; j = NONE; looksAgain = 1; goto idle };
dead:
    atomic { awake[me] = 1; looksAgain = 0; s = 0; j = NONE; goto idle }
}

proctype Recover() { /* @Recovery.swift run */
    byte j;
    do
    :: atomic {
        if
        :: job[0] == running && lease[0] == 0 -> j = 0
        :: job[1] == running && lease[1] == 0 -> j = 1
        :: job[JOBS - 1] == running && lease[JOBS - 1] == 0 -> j = JOBS - 1
        fi;
        job[j] = queued; j = 0;
        for (k : 1 .. WORKERS) { awake[k] = 1 } }
    od
}

init {
    byte j;
    BEGIN;
    atomic {
        for (j : 1 .. WORKERS) { awake[j] = 1; run Worker(j) };
        run Recover()
    };
    timeout;
    for (j : 0 .. JOBS - 1) { CHECK(2, job[j] == done) };
    CHECK(3, working == 0 && slot[0] == 0 && slot[LIMIT - 1] == 0)
}
