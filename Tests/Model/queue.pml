/* Who is next: R2, R7, R8, hold; I6, and "a due job is taken".
 *
 * The watcher admits JOBS jobs, each with a later stamp. WORKERS workers keep an index of queued/
 * by inotify and sleep when they see nothing to do; they claim, and complete, give back, or return
 * a job that is due later. Recovery returns what a dead worker left. Job 0 is held and released.
 *
 * The events of a worker are kept as the last one of each job: a "moved to" is followed by a look
 * at the entry as it stands now, a "moved from" by forgetting it, so that older ones change
 * nothing.
 */
#include "common.pml"

#ifndef JOBS
#define JOBS 2
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef RETURNS
#define RETURNS 1       /* so often a worker returns a job to the queue */
#endif
#ifndef HOLDS
#define HOLDS 0
#endif

mtype = { outside, queued, running, done };
mtype = { nothing, gone, came };            /* the last event a worker has not read */
mtype = { at_once, later, reached };        /* due_ns in the record, and whether it has passed */
mtype = { complete, give_back, retry };      /* what a worker decides */

typedef Job {
    mtype place = outside;
    byte stamp;             /* the bundle's mtime */
    byte key;               /* max(order, due) in the record: the stamp it gets */
    mtype due = at_once;
    byte lock;
    bit held;               /* .spool/held/ID */
};
Job job[JOBS];

typedef Eyes {              /* what a worker knows */
    mtype event[JOBS] = nothing;
    byte stamp[JOBS];       /* its index; 0: not there */
    bit busy[JOBS];         /* its lease was held: looked at again after a while */
    bit waits[JOBS];        /* it is held, or due later */
    bit untouched[JOBS];    /* the check's own: stood there due and unlocked since the last look */
};
Eyes eyes[WORKERS];
#define MINE eyes[me - 1]
byte returns;
hidden byte k, w;

/* Order stamps start here; the mtime of a directory that nobody stamped is a moment ago. */
#define ORDER(j) (j + 1)
#define JUSTNOW 20
#define LATER(times) (30 + times)
#define ISDUE(j) (job[j].due != later && !job[j].held)

#define FREE \
    for (k : 0 .. JOBS - 1) { \
        if :: job[k].lock == me -> job[k].lock = 0 :: else fi; \
    }

inline tell(j, what) {
    for (w : 0 .. WORKERS - 1) { eyes[w].event[j] = what; eyes[w].untouched[j] = 0 }
}
inline enter(j) { job[j].place = queued; tell(j, came) }
inline grasp(j) { job[j].lock = me; for (w : 0 .. WORKERS - 1) { eyes[w].untouched[j] = 0 } }

/* Back to the queue: the stamp is there before the name (R7). @Claim.swift move */
inline requeue(j) {
#ifdef STAMP_AFTER_RENAME
    atomic { CRASH; job[j].stamp = JUSTNOW; enter(j) };
    atomic { CRASH; job[j].stamp = job[j].key };
#else
    atomic { CRASH; job[j].stamp = job[j].key };
    atomic { CRASH; enter(j) };
#endif
    atomic { CRASH; FREE }
}

proctype Worker(byte me) {
    byte j = NONE, best;
    mtype end = complete;
    bit wasHeld;
asleep:
    /* Events, the timer of what was busy, the timer of what is due: else nothing wakes it. */
    atomic {
        if
        :: (MINE.event[0] != nothing || MINE.event[1] != nothing
            || MINE.event[JOBS - 1] != nothing)
#ifndef NO_BACKOFF
        :: MINE.busy[0] || MINE.busy[1] || MINE.busy[JOBS - 1]
#endif
        :: (MINE.waits[0] && ISDUE(0) || MINE.waits[1] && ISDUE(1)
            || MINE.waits[JOBS - 1] && ISDUE(JOBS - 1))
        fi;
    };
next:
    atomic { /* @JobQueue.swift drain */
        CRASH;
        d_step {
            for (k : 0 .. JOBS - 1) {
                if
                :: MINE.event[k] == nothing
                :: else ->
                    MINE.event[k] = nothing;
                    MINE.busy[k] = 0; MINE.waits[k] = 0;
                    if
                    :: job[k].place == queued -> MINE.stamp[k] = job[k].stamp
                    :: else -> MINE.stamp[k] = 0
                    fi
                fi;
                /* A timer that has fired. */
                if :: ISDUE(k) -> MINE.waits[k] = 0 :: else fi;
#ifndef BACKOFF_PASSES_OVER
                /* What was busy is tried again whenever something is claimed. */
                MINE.busy[k] = 0;
#endif
                MINE.untouched[k] =
                    (job[k].place == queued && ISDUE(k) && job[k].lock == 0)
            }
        }
    };
choose:
    atomic { /* the oldest that is not passed over @JobQueue.swift next */
        CRASH;
        d_step {
            j = NONE; best = 255;
            for (k : 0 .. JOBS - 1) {
                if
                :: (MINE.stamp[k] != 0 && MINE.stamp[k] < best
                    && !MINE.waits[k] && !MINE.busy[k]) -> j = k; best = MINE.stamp[k]
                :: else
                fi
            };
            best = 0
        };
        if :: j == NONE -> goto asleep :: else fi;
        /* A future mtime is believed only if the record says the same (R8). @JobQueue.swift due */
        if
        :: MINE.stamp[j] >= LATER(0) && job[j].due == later ->
            MINE.waits[j] = 1; goto choose
        :: else
        fi
    };
    atomic { /* @Lease.swift lease */
        CRASH;
        if
        :: job[j].place != queued -> MINE.stamp[j] = 0; goto choose
        :: job[j].place == queued && job[j].lock != 0 -> MINE.busy[j] = 1; goto choose
        :: else -> grasp(j)
        fi
    };
    atomic { /* record and orders, read after locking @JobQueue.swift claim @Orders.swift isOrdered */
        CRASH;
#ifndef STAMP_READ_BEFORE_LOCK
        /* Another worker may have had it meanwhile and returned it with a delay: then the stamp is
         * another one, and its event is waiting to be read. */
        if
        :: job[j].stamp != MINE.stamp[j] -> job[j].lock = 0; MINE.stamp[j] = 0; goto choose
        :: else
        fi;
#endif
        wasHeld = job[j].held;
#ifndef HOLD_NOT_LOOKED_AT
        if :: job[j].held -> job[j].lock = 0; MINE.waits[j] = 1; wasHeld = 0; goto choose :: else fi;
#endif
    };
    atomic { /* @JobQueue.swift take */
        CRASH;
        CHECK(1, job[j].place == queued && job[j].lock == me);
        CHECK(2, job[j].due != later && !wasHeld);
        for (k : 0 .. JOBS - 1) {       /* I6 */
            CHECK(3, k == j || !MINE.untouched[k] || job[k].stamp > job[j].stamp)
        };
        job[j].place = running; job[j].due = at_once;
        MINE.stamp[j] = 0;
        tell(j, gone)
    };
    atomic { /* @WorkerPipeline.swift handle */
        CRASH;
        if
        :: end = complete       /* @Claim.swift complete */
        :: returns < RETURNS -> returns++; end = give_back     /* @Claim.swift giveBack */
        :: returns < RETURNS -> returns++; end = retry; job[j].due = later; job[j].key = LATER(returns)    /* @Claim.swift retry */
        fi
    };
    if
    :: end == complete -> atomic { CRASH; job[j].place = done }; atomic { CRASH; FREE }
    :: else -> requeue(j)
    fi;
    atomic { end = complete; j = NONE; goto next };
dead:
    atomic {
        end = complete; j = NONE; wasHeld = 0; best = 0;
        /* The watch stands before the listing: all entries are news. @JobQueue.swift list */
        for (k : 0 .. JOBS - 1) {
            MINE.event[k] = (job[k].place == queued -> came : nothing);
            MINE.stamp[k] = 0; MINE.busy[k] = 0; MINE.waits[k] = 0;
            MINE.untouched[k] = 0
        };
        goto asleep
    }
}

proctype Recover(byte me) { /* @Recovery.swift run */
    byte j = NONE;
idle:
    atomic { /* @Recovery.swift recover */
        if
        :: job[0].place == running && job[0].lock == 0 -> j = 0
        :: job[1].place == running && job[1].lock == 0 -> j = 1
#if JOBS > 2
        :: job[2].place == running && job[2].lock == 0 -> j = 2
#endif
        fi;
        CRASH; grasp(j)
    };
    requeue(j);
dead:
    atomic { j = NONE; goto idle }
}

/* It admits the jobs one after the other; job 0 may be held, and is released in the end. */
proctype Watcher(byte me) {
    byte j;
    byte holds = HOLDS;
idle:
    do
    :: j < JOBS -> atomic { /* @Staging.swift publish */
            CRASH; job[j].key = ORDER(j); job[j].stamp = job[j].key; enter(j); j++ }
    :: atomic { holds > 0 && !job[0].held -> CRASH; holds--; job[0].held = 1; eyes[0].untouched[0] = 0;
            eyes[WORKERS - 1].untouched[0] = 0 } /* @Orders.swift give */
    :: atomic { job[0].held -> CRASH; /* @Orders.swift withdraw */
            job[0].held = 0;
#ifdef HELD_NOT_WATCHED
            for (k : 0 .. WORKERS - 1) { eyes[k].waits[0] = 0 }
#endif
        }
    od;
dead:
    goto idle
}

/* Time passes. */
proctype Clock() {
    do
    :: atomic { job[0].due == later && job[0].place == queued -> job[0].due = reached }
    :: atomic { job[1].due == later && job[1].place == queued -> job[1].due = reached }
#if JOBS > 2
    :: atomic { job[2].due == later && job[2].place == queued -> job[2].due = reached }
#endif
    od
}

init {
    BEGIN;
    atomic {
        for (k : 1 .. WORKERS) { run Worker(k) };
        run Recover(WORKERS + 1);
        run Watcher(WORKERS + 2);
        run Clock()
    };
    /* A due job is taken: when everybody sleeps, all are done. */
    timeout;
    for (k : 0 .. JOBS - 1) { CHECK(4, job[k].place == done && job[k].lock == 0) }
}
