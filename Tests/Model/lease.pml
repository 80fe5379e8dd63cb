/* A name and the bundles that carry it: R1 to R4, R7, R9, R13; I1, I4, I8.
 *
 * One name ID, and at most two jobs that have it one after the other: the second takes it when the
 * first one has ended, which is then called ID~1. Workers, recoveries, the watcher (cancel, retry,
 * giving the name away) and clean work on them, each killed at any step.
 *
 * A path is (place, number, variant); what stands there is looked up anew at every step, as the
 * kernel does. A bundle's index is the inode of its lease. Each change of a bundle checks that its
 * lock is held by the process that changes it (I4), each arrival that the record tells the place
 * where it stands (I1), and at the end of all things nothing is left over.
 */
#include "common.pml"

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef RECOVERIES
#define RECOVERIES 1
#endif
#ifndef CLEANS
#define CLEANS 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef RETRIES
#define RETRIES 0
#endif
#ifndef NEWCOMERS
#define NEWCOMERS 0
#endif
#ifndef LOSSES
#define LOSSES 0        /* locks that a network filesystem drops while a pipeline runs */
#endif
/* Claims of one job at most (a bound of the model), and attempts (the setting). */
#ifndef CLAIMS
#define CLAIMS 3
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif

mtype = { nowhere, staging, queued, running, done, failed, trash };
mtype = { waiting, processing, completed, broken, cancelled };
mtype = { fresh, old, unknown };

typedef Bundle {
    mtype place = nowhere;      /* STATE/ID, or STATE/ID~1 (older), or running/ID@n */
    byte n;
    bit older;
    byte lock;                  /* who holds the flock of its lease; 0: nobody */
    mtype status = waiting;     /* the record */
    byte claims;
    byte attempts;
    mtype age = fresh;          /* its completed_at, against the time to live */
    bit result;
    byte used;                  /* the check's own: claim numbers that were used */
    bit toCancel;               /* the checks' own: orders that were meant for this life of it */
    bit toRetry;
};
Bundle bundle[2];
/* What the path of this step led to; means nothing between steps. */
hidden byte b;

bit cancelDrop = (CANCELS > 0);     /* incoming/ID.cancel */
byte retryDrops = RETRIES;          /* incoming/ID.retry, so often */
byte losses;
bit cancelOrder;                    /* .spool/cancel/ID */
bit retryOrder;                     /* .spool/retry/ID */

#define AT(b, where, number, variant) \
    (bundle[b].place == where && bundle[b].n == number && bundle[b].older == variant)
#define STANDS(where, number, variant) (AT(0, where, number, variant) || AT(1, where, number, variant))
#define RUNS(b) (bundle[b].place == running)

/* Whose lease a path leads to. */
inline look(where, number, variant, found) {
    if
    :: AT(0, where, number, variant) -> found = 0
    :: AT(1, where, number, variant) -> found = 1
    :: else -> found = NONE
    fi
}

#define FREE \
    if :: bundle[0].lock == me -> bundle[0].lock = 0 :: else fi; \
    if :: bundle[1].lock == me -> bundle[1].lock = 0 :: else fi
#define FORGET fd = NONE; n = 0

/* R1, steps 1 to 3. At `over` it goes on when the bundle is gone or busy. */
inline take(where, number, variant) { /* @Lease.swift lease */
    atomic { CRASH; look(where, number, variant, fd); if :: fd == NONE -> goto over :: else fi };
    atomic {
        CRASH;
        if
        :: bundle[fd].lock == 0 -> bundle[fd].lock = me
        :: else -> goto over
        fi
    };
#ifndef NO_THIRD_STEP
    atomic {
        CRASH; look(where, number, variant, b);
        if :: b != fd -> goto over :: else fi
    };
#endif
}

/* A system call that names a file of a bundle: the path is gone, or the bundle is ours. */
inline reach(where, number, variant) {
    look(where, number, variant, b);
    if :: b == NONE -> goto over :: else fi;
    CHECK(1, bundle[b].lock == me || (LOSSES > 0 && bundle[b].lock == 0))   /* I4 */
}

/* A rename with RENAME_NOREPLACE; the record tells the place, and a result is in done/ only. */
inline move(where, number, variant) {
    CHECK(2, !STANDS(where, number, variant));      /* R12, and I1: one bundle a name */
    d_step {
        bundle[b].place = where; bundle[b].n = number; bundle[b].older = variant
    };
    IMPLIES(3, where == queued, bundle[b].status == waiting && !bundle[b].result);
    IMPLIES(4, where == done, bundle[b].status == completed && bundle[b].result);
    IMPLIES(5, where == failed,
        (bundle[b].status == broken || bundle[b].status == cancelled) && !bundle[b].result)
}

/* The end of a claim; `end` is the record's status, decided before. */
inline finish() { /* @Claim.swift end */
    /* The lease is still ours? Locked again, it is as good as never lost. @Lease.swift holds */
#ifndef NOT_LOCKED_AGAIN
    atomic {
        CRASH;
        if
        :: bundle[fd].lock == me || bundle[fd].lock == 0 -> bundle[fd].lock = me
        :: else -> goto over
        fi
    };
#endif
    atomic { CRASH; look(running, n, 0, b); if :: b != fd -> goto over :: else fi }; /* @Lease.swift holds */
#ifndef CANCEL_NOT_LOOKED_AT
    /* R9: a cancelled job is never requeued. @Orders.swift isOrdered */
    if
    :: end == waiting -> atomic { CRASH; if :: cancelOrder -> end = cancelled :: else fi }
    :: else
    fi;
#endif
    /* @Claim.swift settleOutput */
    if
    :: end == completed -> atomic { CRASH; reach(running, n, 0); bundle[b].result = 1 }
    :: else
    fi;
    atomic { /* @Spool.swift write */
        CRASH; reach(running, n, 0);
        IMPLIES(6, end == cancelled, bundle[b].toCancel);
        bundle[b].status = end; bundle[b].claims = claims; bundle[b].attempts = attempts;
        bundle[b].age = fresh
    };
    atomic { /* @Claim.swift move */
        CRASH; reach(running, n, 0);
        if
        :: end == completed -> move(done, 0, 0)
        :: end == waiting -> move(queued, 0, 0)
        :: else -> move(failed, 0, 0)
        fi
    };
over:
    atomic { CRASH; FREE; FORGET; end = waiting; claims = 0; attempts = 0; goto idle }
}

proctype Worker(byte me) {
    byte fd = NONE, n, claims, attempts;
    mtype end = waiting;
    bit isOrdered, wasMeant;
idle:
    (STANDS(queued, 0, 0) && (!AT(0, queued, 0, 0) || bundle[0].claims < CLAIMS)
        && (!AT(1, queued, 0, 0) || bundle[1].claims < CLAIMS));
    take(queued, 0, 0); /* @JobQueue.swift claim */
    atomic { /* the record, read after locking @JobQueue.swift claim */
        CRASH; look(queued, 0, 0, b);
        if
        :: b == NONE || bundle[b].claims == CLAIMS -> goto over
        :: b != NONE && bundle[b].status != waiting -> goto over    /* a decided dismissal */
        :: else
        fi;
        n = bundle[b].claims + 1; claims = n; attempts = bundle[b].attempts + 1;
        isOrdered = cancelOrder; wasMeant = bundle[b].toCancel
    };
#ifndef CANCEL_NOT_LOOKED_AT
    if :: isOrdered -> goto over :: else fi; /* @JobQueue.swift claim */
#endif
    atomic { /* @JobQueue.swift take */
        CRASH; reach(queued, 0, 0);
        CHECK(7, !wasMeant);                                /* R9 */
        CHECK(8, !(bundle[b].used & (1 << n)));             /* R2: N never repeats */
        bundle[b].used = bundle[b].used | (1 << n);
        d_step { bundle[b].place = running; bundle[b].n = n }
    };
    atomic { /* @Claim.swift makeDurable */
        CRASH; reach(running, n, 0);
        bundle[b].status = processing; bundle[b].claims = n; bundle[b].attempts = attempts
    };
    if  /* The pipeline runs, for a long time. */
    :: atomic { losses < LOSSES -> losses++; if :: bundle[fd].lock == me -> bundle[fd].lock = 0 :: else fi }
    :: true
    fi;
    atomic { /* the pipeline's answer, a stop, or an order to cancel @WorkerPipeline.swift handle */
        CRASH;
        if
        :: end = completed      /* @Claim.swift complete */
        :: end = broken         /* @Claim.swift fail */
        :: end = waiting; attempts--    /* @Claim.swift giveBack */
        :: attempts < ATTEMPTS -> end = waiting     /* @Claim.swift retry */
        :: cancelOrder -> end = cancelled   /* @Claim.swift cancel */
        fi
    };
    finish();
dead:
    atomic { FORGET; end = waiting; claims = 0; attempts = 0; isOrdered = 0; wasMeant = 0; goto idle }
}

proctype Recover(byte me) { /* @Recovery.swift run */
    byte fd = NONE, n, claims, attempts;
    mtype end = waiting;
idle:
    atomic {
        if
        :: RUNS(0) -> n = bundle[0].n
        :: RUNS(1) -> n = bundle[1].n
        fi
    };
    take(running, n, 0); /* @Recovery.swift recover */
    atomic { /* @Recovery.swift isDecided */
        CRASH; reach(running, n, 0);
        claims = bundle[b].claims; attempts = bundle[b].attempts; end = bundle[b].status;
        if
        :: claims == n && (end == broken || end == cancelled || end == waiting
            || (end == completed && bundle[b].result))
        :: else -> /* @Recovery.swift end */
            if :: claims < n -> attempts++ :: else fi;
#ifndef REUSE_N
            claims = n;
#endif
            end = processing
        fi
    };
    if
    :: end == processing ->
        atomic { /* @Claim.swift removeLeftovers */
            CRASH; reach(running, n, 0); bundle[b].result = 0;
            if
            :: attempts >= ATTEMPTS -> end = broken     /* @Claim.swift fail */
            :: else -> end = waiting                    /* @Claim.swift giveBack */
            fi
        }
    :: else
    fi;
    finish();
dead:
    atomic { FORGET; end = waiting; claims = 0; attempts = 0; goto idle }
}

#define ISLIVE (STANDS(queued, 0, 0) || (RUNS(0) && !bundle[0].older) || RUNS(1))
/* An order to cancel the life that ended must not hit the next one. */
#ifdef RETRY_KEEPS_CANCEL
#define CANCELSTANDS false
#else
#define CANCELSTANDS cancelOrder
#endif
#define HASENDED (STANDS(done, 0, 0) || STANDS(failed, 0, 0))

#ifdef ORDER_OUTLIVES_JOB
#define CANCELHOLDS (!HASENDED)
#else
#define CANCELHOLDS ISLIVE
#endif

proctype Watcher(byte me) {
    byte fd = NONE, n;
    bit newcomer = (NEWCOMERS > 0);
idle:
    do
    /* A control drop: the order is durable before the drop is taken away (R9). */
    :: cancelDrop && ISLIVE ->
#ifdef DROP_UNLINKED_FIRST
        atomic { CRASH; CHECK(14, cancelOrder || !ISLIVE); cancelDrop = 0 };
#endif
        atomic { /* @Orders.swift give */
            CRASH;
            cancelOrder = 1;
            if :: AT(0, queued, 0, 0) || RUNS(0) -> bundle[0].toCancel = 1
               :: AT(1, queued, 0, 0) || RUNS(1) -> bundle[1].toCancel = 1
               :: else fi
        };
        /* Kept until its order stands, or has come too late. */
        atomic { CRASH; CHECK(14, cancelOrder || !ISLIVE); cancelDrop = 0 } /* @ControlDrops.swift remove */
    :: atomic { cancelDrop && !ISLIVE -> CRASH; cancelDrop = 0 }
    :: atomic { retryDrops > 0 && !retryOrder && STANDS(failed, 0, 0) -> /* @ControlDrops.swift give */
        CRASH; retryOrder = 1;
        if :: AT(0, failed, 0, 0) -> bundle[0].toRetry = 1 :: else -> bundle[1].toRetry = 1 fi };
        atomic { CRASH; retryDrops-- } /* @ControlDrops.swift remove */
    :: atomic { retryDrops > 0 && !STANDS(failed, 0, 0) -> CRASH; retryDrops-- }

    /* The order has been obeyed, or came too late: its job has ended, or is cleaned up even.
     * @ControlDrops.swift withdrawCancel @ControlDrops.swift withdrawRetry */
    :: atomic { cancelOrder && !CANCELHOLDS -> CRASH; cancelOrder = 0 }
    :: atomic { retryOrder && !STANDS(failed, 0, 0) -> CRASH; retryOrder = 0 }

    /* Cancel of a queued job. @ControlDrops.swift cancel @Dismissal.swift dismiss */
    :: cancelOrder && STANDS(queued, 0, 0) ->
#ifdef ORDER_UNLINKED_FIRST
        atomic { CRASH; cancelOrder = 0 };
#endif
        take(queued, 0, 0);
        atomic {
            CRASH; reach(queued, 0, 0);
            CHECK(9, bundle[b].toCancel);   /* an old order never hits another job */
            bundle[b].status = cancelled; bundle[b].age = fresh
        };
        atomic { CRASH; reach(queued, 0, 0); move(failed, 0, 0); };
        atomic { CRASH; FREE; FORGET }

    /* Retry: a slot was reserved before. @ControlDrops.swift retry @Resubmission.swift run */
    :: retryOrder && STANDS(failed, 0, 0) && !CANCELSTANDS ->
#ifdef ORDER_UNLINKED_FIRST
        atomic { CRASH; retryOrder = 0 };
#endif
        take(failed, 0, 0);
        atomic {
            CRASH; reach(failed, 0, 0);
            bundle[b].status = waiting; bundle[b].attempts = 0; bundle[b].age = unknown
        };
        atomic {
            CRASH; reach(failed, 0, 0);
            bundle[b].toCancel = 0; bundle[b].toRetry = 0;
            move(queued, 0, 0);
        };
        atomic { CRASH; FREE; FORGET }

    /* R13: a newcomer of that name, when its job has ended. @Admission.swift giveWay */
    :: newcomer && bundle[1].place == nowhere && !ISLIVE && !retryOrder ->
#ifndef NEWCOMER_KEEPS_ORDERS
        /* Old orders must not hit it. @Admission.swift decide @Orders.swift withdraw */
        atomic { CRASH; cancelOrder = 0 };
        atomic { CRASH; retryOrder = 0 };
#endif
        if
        :: !HASENDED
        :: STANDS(done, 0, 0) ->
#ifndef NAME_BEFORE_LEASE
            take(done, 0, 0);
#endif
            atomic { CRASH; reach(done, 0, 0); bundle[b].older = 1 };
            atomic { CRASH; FREE; FORGET }
        :: STANDS(failed, 0, 0) ->
#ifndef NAME_BEFORE_LEASE
            take(failed, 0, 0);
#endif
            atomic { CRASH; reach(failed, 0, 0); bundle[b].older = 1 };
            atomic { CRASH; FREE; FORGET }
        fi;
        atomic { CRASH; CHECK(10, !STANDS(staging, 0, 0)); bundle[1].place = staging } /* @Staging.swift prepare */
    :: atomic { bundle[1].place == staging -> /* @Staging.swift publish */
        CRASH; newcomer = 0; b = 1; move(queued, 0, 0) }
    od;
over:
    atomic { CRASH; FREE; FORGET; goto idle }
dead:
    atomic { FORGET; goto idle }
}

proctype Clean(byte me) { /* @Retention.swift sweep */
    byte fd = NONE, n;
    bit variant;
    mtype place = done;
idle:
    atomic { /* what a listing shows as over its time @Retention.swift expired */
        if
        :: bundle[0].place == done || bundle[0].place == failed -> b = 0
        :: bundle[1].place == done || bundle[1].place == failed -> b = 1
        fi;
        CRASH;
        /* Any time may have passed. */
        if :: bundle[b].age == fresh -> bundle[b].age = old :: else fi;
        place = bundle[b].place; variant = bundle[b].older
    };
    take(place, 0, variant); /* @Retention.swift trash */
#ifndef CLEAN_IGNORES_RETRY
    atomic { CRASH; if :: retryOrder && !variant -> goto over :: else fi }; /* @Orders.swift isOrdered */
#endif
#ifndef AGE_BEFORE_LOCK
    atomic { /* @Retention.swift trash */
        CRASH; reach(place, 0, variant);
        if :: bundle[b].age == fresh -> goto over :: else fi
    };
#endif
    atomic { /* @Retention.swift trash */
        CRASH; reach(place, 0, variant);
        CHECK(11, bundle[b].age == old);        /* I8 */
        bundle[b].place = trash
    };
over:
    atomic { CRASH; FREE }
dead:
    atomic { FORGET; variant = 0; place = done; goto idle }
}

#define SETTLED(b) (bundle[b].lock == 0 && (bundle[b].place == done || bundle[b].place == failed \
    || bundle[b].place == trash || bundle[b].place == nowhere \
    || (bundle[b].place == queued && bundle[b].claims == CLAIMS)))

init {
    BEGIN;
    atomic {
        bundle[0].place = queued;
        run Watcher(1);
#if CLEANS
        run Clean(2);
#endif
        run Worker(3);
#if WORKERS > 1
        run Worker(4);
#endif
        run Recover(5);
#if RECOVERIES > 1
        run Recover(6);
#endif
    };
    /* When nobody can do anything any more, everything has come to its end. */
    timeout;
    CHECK(13, (!bundle[0].toRetry || bundle[0].place == trash)
        && (!bundle[1].toRetry || bundle[1].place == trash));
    CHECK(12, SETTLED(0) && SETTLED(1) && !cancelOrder && !retryOrder && !cancelDrop && !retryDrops)
}
