/* Remote attempts: R11; I4.
 *
 * WORKERS workers over HTTP cannot hold a flock. Each request is carried out under R1's lock by the
 * server, which may be killed at any step; what stays between requests is the record of the lease
 * with owner and expiry, .spool/leases/ID@N. Whoever acts on such a job obeys it.
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#include "common.pml"

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef CLAIMS
#define CLAIMS 3
#endif

mtype = { queued, running, done };
mtype place = queued;
byte n;                 /* in the name, while it runs */
byte claims;            /* in the record */
byte lock;
byte owner[CLAIMS + 1]; /* .spool/leases/ID@N: who; 0: not there */
bit expired[CLAIMS + 1];
byte published;         /* the check's own */

#ifdef LEASE_NOT_LOOKED_AT
#define SEEMSDEAD true
#else
#define SEEMSDEAD (owner[n] == 0 || expired[n])
#endif
#define FREE if :: lock == me -> lock = 0 :: else fi

inline take(where, number) { /* @Lease.swift lease */
    atomic {
        CRASH;
        if
        :: place == where && n == number && lock == 0 -> lock = me
        :: else -> goto over
        fi
    };
    atomic { CRASH; if :: place != where || n != number -> goto over :: else fi }
}

/* A worker's two requests; the server's process that carries them out has the number `me`. */
proctype Remote(byte me) {
    byte mine;
idle:
    (place == queued && claims < CLAIMS);
    take(queued, 0);
    atomic { mine = claims + 1; if :: mine > CLAIMS -> mine = 0; goto over :: else fi };
#ifdef LEASE_AFTER_LOCK
    atomic { CRASH; place = running; n = mine };
    atomic { CRASH; claims = mine };
    atomic { CRASH; FREE };
    atomic { CRASH; owner[mine] = me };
#else
    atomic { CRASH; place = running; n = mine };        /* @JobQueue.swift take */
    atomic { CRASH; claims = mine };                    /* @Claim.swift makeDurable */
    atomic { CRASH; owner[mine] = me };
    atomic { CRASH; FREE };
#endif
    /* It computes, for a long time; the lease is renewed, or expires. */
    if
    :: true
    :: atomic { owner[mine] == me -> expired[mine] = 1 }
    fi;
#ifndef PUBLISHED_UNLOCKED
    take(running, mine);
#endif
    atomic { CRASH;
        if
        :: owner[mine] == me && !expired[mine] && place == running && n == mine
        :: else -> goto over
        fi };
    atomic { /* @Claim.swift end */
        CRASH;
        CHECK(1, place == running && n == mine && lock == me);
        CHECK(2, owner[mine] == me);
        place = done; n = 0; published++
    };
    atomic { CRASH; owner[mine] = 0 };
over:
    atomic { CRASH; FREE; mine = 0; goto idle }
dead:
    /* Not the worker is dead: it asks again until its lease expires, or has no answer ever. */
    atomic {
        if :: mine != 0 && owner[mine] == me -> expired[mine] = 1 :: else fi;
        mine = 0; goto idle
    }
}

proctype Recover(byte me) { /* @Recovery.swift run */
    byte number;
idle:
    (place == running && (lock == 0) && SEEMSDEAD);
    number = n;
    if :: number == 0 -> goto over :: else fi;
    take(running, number); /* @Recovery.swift recover */
#ifndef LEASE_NOT_LOOKED_AT
    atomic { CRASH; if :: owner[number] != 0 && !expired[number] -> goto over :: else fi };
#endif
    atomic { CRASH; CHECK(3, owner[number] == 0 || expired[number]); claims = number };
    atomic { CRASH; place = queued; n = 0 };            /* @Claim.swift move */
    atomic { CRASH; owner[number] = 0; expired[number] = 0 };
over:
    atomic { CRASH; FREE; number = 0; goto idle }
dead:
    atomic { number = 0; goto idle }
}

init {
    BEGIN;
    atomic {
        run Remote(1);
#if WORKERS > 1
        run Remote(2);
#endif
        run Recover(3)
    };
    timeout;
    CHECK(4, published <= 1 && lock == 0);
    CHECK(5, place == done || (place == queued && claims == CLAIMS))
}
