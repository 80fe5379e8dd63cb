/* How many are in: R5; I5.
 *
 * JOBS drops and a maximum of MAXIMUM. The watcher keeps the set of live jobs in memory; workers,
 * recovery and clean move jobs at any moment, each move an event for the watcher. Its inotify
 * queue holds EVENTS of them and then loses what comes; what it holds is read at once, as a batch,
 * and then looked at one by one, while jobs go on. A listing looks at one name of one
 * directory a step, so that a moving job can be missed in every way. The watcher is killed at any
 * step and starts again with what it finds.
 */
#include "common.pml"

#ifndef JOBS
#define JOBS 3
#endif
#ifndef MAXIMUM
#define MAXIMUM 1
#endif
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef RETURNS
#define RETURNS 1       /* give-backs and recoveries of all jobs together */
#endif
#ifndef RETRIES
#define RETRIES 0
#endif
#ifndef ERRORS
#define ERRORS 0        /* records that cannot be read at first, and are read again later */
#endif

mtype = { incoming, staging, queued, running, failed, cleaned, overflow };
mtype place[JOBS] = incoming;

chan events = [EVENTS + 1] of { mtype, byte };
chan batch = [EVENTS + 1] of { mtype, byte };   /* read, and not yet looked at */
bit isFull;             /* "events were lost" stands in the queue */
bit watches;            /* a watcher's inotify is there */
byte returns, retries, errors;
hidden byte k, number;

#define BIT(j) (1 << (j))
#define HAS(set, j) (set & BIT(j))

inline tell(what, j) {
    if
    :: !watches || isFull
    :: watches && !isFull && len(events) < EVENTS -> events!what, j
    :: watches && !isFull && len(events) == EVENTS -> events!overflow, 0; isFull = 1
    fi
}
inline go(j, to) { place[j] = to; tell(to, j) }

/* A dead watcher's inotify goes with it. */
#define FREE \
    watches = 0; isFull = 0; \
    do :: len(events) > 0 -> events?what, j :: else -> break od; \
    do :: len(batch) > 0 -> batch?what, j :: else -> break od

/* Everybody else: who has the job's lease moves it, or clean takes it away. */
proctype Others(byte j) {
    do
    :: atomic { place[j] == queued -> go(j, running) }      /* @JobQueue.swift take */
    :: atomic { place[j] == running -> go(j, failed) }      /* @Claim.swift end */
    :: atomic { place[j] == running && returns < RETURNS -> returns++; go(j, queued) } /* @Recovery.swift run */
    :: atomic { place[j] == failed -> go(j, cleaned) }      /* @Retention.swift trash */
    od
}

/* A name was seen, by an event or in a listing. @Sighting.swift arrived */
inline arrived(what, j) {
    if
    :: place[j] == what && what == failed ->    /* @JobTable.swift finished */
        live = live & ~BIT(j); ended = ended | BIT(j); unseen = unseen & ~BIT(j);
        if :: errors < ERRORS -> errors++; unread = unread | BIT(j) :: true fi
    :: place[j] == what && (what == queued || what == running) ->   /* @JobTable.swift queued */
        live = live | BIT(j); ended = ended & ~BIT(j); unseen = unseen & ~BIT(j)
    :: place[j] != what && what == failed ->    /* @Sighting.swift vanished */
        live = live & ~BIT(j); ended = ended & ~BIT(j); unseen = unseen & ~BIT(j)
#ifndef GONE_ON_UNCOUNTED
    /* It has gone on since. @JobTable.swift passed */
    :: place[j] != what && (what == queued || what == running) ->
        live = live | BIT(j); ended = ended & ~BIT(j); unseen = unseen & ~BIT(j)
#endif
    :: else
    fi
}

#ifdef READ_AGAIN_BLINDLY
#define READABLE true
#else
#define READABLE HAS(ended, j)
#endif

inline count(set) {
    number = 0;
    for (k : 0 .. JOBS - 1) { if :: HAS(set, k) -> number++ :: else fi }
}

/* I5: how many are in, whatever anybody believes. */
inline check() {
    number = 0;
    for (k : 0 .. JOBS - 1) {
        if
        :: place[k] == staging || place[k] == queued || place[k] == running -> number++
        :: else
        fi
    };
    CHECK(1, number <= MAXIMUM)
}

inline list() { /* @Watcher.swift list */
    atomic { /* @StagingRecovery.swift pending */
        CRASH;
        for (k : 0 .. JOBS - 1) {
            if :: place[k] == staging -> live = live | BIT(k); unseen = unseen & ~BIT(k) :: else fi
        };
        j = 0
    };
    do
    :: j < 3 * JOBS -> atomic {
        CRASH;
        if
        :: j / JOBS == 0 && place[j % JOBS] == queued -> arrived(queued, j % JOBS)
        :: j / JOBS == 1 && place[j % JOBS] == running -> arrived(running, j % JOBS)
        :: j / JOBS == 2 && place[j % JOBS] == failed -> arrived(failed, j % JOBS)
        :: else
        fi;
        j++ }
    :: else -> break
    od;
    j = 0
}

inline drain() {
    atomic { CRASH; /* @Sighting.swift drained */
        do
        :: len(events) > 0 -> events?what, j; batch!what, j
        :: else -> break
        od;
        isFull = 0; what = overflow; j = 0 };
    do
    :: atomic { len(batch) > 0 -> /* @Sighting.swift handle */
        CRASH;
        batch?what, j;
        if
        :: what == overflow -> needsListing = 1
        :: else -> arrived(what, j)
        fi;
        what = overflow; j = 0 }
    :: atomic { len(batch) == 0 -> break }
    od
}

proctype Watcher() {
    byte live, ended, unseen, unread, j;
    bit needsListing;
    mtype what = overflow;
start:
#ifndef WATCH_AFTER_LIST
    watches = 1; /* @Watcher.swift watchAll */
#endif
    list();
#ifdef WATCH_AFTER_LIST
    watches = 1;
#endif
    /* Staging goes forward before anything is decided. @Settlement.swift recoverStaging */
    atomic { CRASH;
        for (k : 0 .. JOBS - 1) { if :: place[k] == staging -> go(k, queued) :: else fi } };
#ifdef DECIDE_BEFORE_DRAIN
    goto decide;
#endif
turn:
    drain(); /* @Sighting.swift readEvents */
    do
    :: needsListing -> /* @Sighting.swift relist */
        atomic { CRASH; unseen = live; needsListing = 0 };
        list();
        drain();
        if
        :: needsListing -> unseen = 0
#ifdef DECIDE_WHILE_BLIND
            ; break
#endif
        :: else -> live = live & ~unseen; unseen = 0 /* @JobTable.swift withdraw */
        fi
    :: else -> break
    od;
    if
    :: atomic { unread -> CRASH; /* @Sighting.swift readUnread */
        select(j : 0 .. JOBS - 1);
        if
#ifndef READ_AGAIN_BLINDLY
        /* It may have been retried meanwhile. */
        :: HAS(unread, j) && !HAS(ended, j) -> unread = unread & ~BIT(j)
#endif
        :: HAS(unread, j) && READABLE -> unread = unread & ~BIT(j); arrived(failed, j)
        :: else
        fi;
        j = 0 }
    :: true
    fi;
decide:
#ifdef COUNT_BY_LISTING
    atomic { CRASH; live = 0 };
    j = 0;
    do
    :: j < 2 * JOBS -> atomic {
        CRASH;
        if
        :: j / JOBS == 0 && place[j % JOBS] == queued -> live = live | BIT(j % JOBS)
        :: j / JOBS == 1 && place[j % JOBS] == running -> live = live | BIT(j % JOBS)
        :: else
        fi;
        j++ }
    :: else -> j = 0; break
    od;
#endif
    if
    /* The slot is reserved with the verdict. @Admission.swift decide */
    :: atomic { (place[0] == incoming || place[1] == incoming || place[JOBS - 1] == incoming) ->
        CRASH; count(live);
        if :: number >= MAXIMUM -> goto turn :: else fi;
        select(j : 0 .. JOBS - 1);
        if :: place[j] != incoming -> j = 0; goto turn :: else fi;
        live = live | BIT(j) };     /* @JobTable.swift reserve */
        atomic { CRASH; place[j] = staging; check() };  /* @Staging.swift prepare */
        atomic { CRASH; go(j, queued); j = 0 }      /* @Staging.swift publish */
    /* A retry needs a slot like a drop. @ControlDrops.swift retry @Resubmission.swift run */
    :: atomic { retries < RETRIES && ended ->
        CRASH; count(live);
        if :: number >= MAXIMUM -> goto turn :: else fi;
        select(j : 0 .. JOBS - 1);
        if :: !HAS(ended, j) || place[j] != failed -> j = 0; goto turn :: else fi;
        live = live | BIT(j); ended = ended & ~BIT(j) };
        atomic { CRASH;
            if
            :: place[j] == failed -> retries++; go(j, queued); check()
            :: else -> live = live & ~BIT(j)
            fi;
            j = 0 }
    :: atomic { len(events) > 0 }
    fi;
    goto turn;
dead:
    atomic { live = 0; ended = 0; unseen = 0; unread = 0; needsListing = 0; what = overflow; j = 0; goto start }
}

init {
    BEGIN;
    atomic { run Watcher(); for (k : 0 .. JOBS - 1) { run Others(k) } };
    timeout;
    /* Nobody waits at the door for ever. */
    for (k : 0 .. JOBS - 1) { CHECK(2, place[k] == cleaned) }
}
