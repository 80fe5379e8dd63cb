/* From incoming/ to queued/ or rejected/: R6; I7.
 *
 * A station drops a pair, may take it back, and may drop another version under the same names as
 * soon as they are free. The watcher takes what it has decided on, step by step, is killed at any
 * step, and goes on with what it finds in staging. Files are versions (inodes); nothing of the
 * station's is ever overwritten, lost, or put together with a file of another drop.
 */
#include "common.pml"

#ifndef VERSIONS
#define VERSIONS 2
#endif

#define JSON 0
#define IMAGE 1
mtype = { nowhere, staging, queued, rejected };

byte incoming[2];       /* the version that stands under each name; 0: none */
byte dropped[2];        /* the last version the station has dropped */
byte withdrawn[2];      /* set of versions it took back */

typedef Bundle {
    mtype place = nowhere;
    bit lease;
    bit intention;          /* .members is there */
    bit isWhole;            /* and readable */
    bit refuse;             /* its verdict */
    byte wanted[2];         /* its members */
    byte has[2];            /* the station's files in the bundle */
    bit record;             /* status.json */
    bit reason;             /* it says rejected */
};
Bundle bundle[VERSIONS];
byte next;              /* the bundle of the next ID */
hidden byte k;

#define FREE skip

/* RENAME_NOREPLACE, and the inode that was decided on. @Staging.swift take */
inline take(name) {
    atomic {
        CRASH;
        if
        :: bundle[b].has[name] != 0     /* taken before a crash */
#ifdef INODE_NOT_LOOKED_AT
        :: bundle[b].has[name] == 0 && incoming[name] != 0 ->
#else
        :: bundle[b].has[name] == 0 && incoming[name] == bundle[b].wanted[name] ->
#endif
            CHECK(1, bundle[b].has[name] == 0);
            bundle[b].has[name] = incoming[name]; incoming[name] = 0
        :: else     /* withdrawn: it will be refused as incomplete */
        fi
    }
}

proctype Watcher() {
    byte b = NONE;
recover: /* @StagingRecovery.swift recover */
    do
    :: atomic { bundle[0].place == staging -> CRASH; b = 0 }; goto forward
#if VERSIONS > 1
    :: atomic { bundle[1].place == staging -> CRASH; b = 1 }; goto forward
#endif
    :: atomic { (bundle[0].place != staging && bundle[VERSIONS - 1].place != staging) -> break }
    od;
idle:
    atomic { (incoming[JSON] != 0 && incoming[IMAGE] != 0 && next < VERSIONS) ->
        CRASH; b = next;
        bundle[b].wanted[JSON] = incoming[JSON]; bundle[b].wanted[IMAGE] = incoming[IMAGE];
        if :: bundle[b].refuse = 0 :: bundle[b].refuse = 1 fi };
#ifdef MEMBERS_AFTER_TAKE
    atomic { CRASH; bundle[b].place = staging };
    take(JSON);
#endif
    atomic { CRASH; bundle[b].place = staging };    /* @Staging.swift prepare */
    atomic { CRASH; bundle[b].lease = 1 };          /* @Staging.swift prepare */
    atomic { CRASH; bundle[b].intention = 1 };      /* created @Spool.swift write */
    atomic { CRASH; bundle[b].isWhole = 1 };        /* written and flushed @Spool.swift flush */
collect: /* @Staging.swift collect */
    take(IMAGE);
    take(JSON);
    if
    :: bundle[b].has[JSON] == 0 || bundle[b].has[IMAGE] == 0 || bundle[b].refuse ->
        atomic { CRASH; bundle[b].reason = 1 }      /* @Staging.swift compose */
    :: else
    fi;
#ifdef MEMBERS_UNLINKED_FIRST
    atomic { CRASH; bundle[b].intention = 0 };
#endif
    atomic { CRASH; bundle[b].record = 1 };         /* @Staging.swift seal */
    atomic { CRASH; bundle[b].intention = 0 };      /* @Staging.swift seal */
publish:
    atomic { /* @Staging.swift publish */
        CRASH;
        CHECK(2, bundle[b].lease && bundle[b].record);
        if
        :: bundle[b].reason -> bundle[b].place = rejected
        :: else ->
            /* What was decided on, and nothing else. */
            CHECK(3, bundle[b].has[JSON] == bundle[b].wanted[JSON]
                && bundle[b].has[IMAGE] == bundle[b].wanted[IMAGE]);
            bundle[b].place = queued
        fi;
        next = b + 1; b = NONE
    };
    goto recover;
forward:
    if
#ifdef ROLL_BACK
    :: bundle[b].intention && bundle[b].isWhole ->
        for (k : JSON .. IMAGE) {
            atomic { CRASH;
                if
                :: bundle[b].has[k] != 0 ->
                    incoming[k] = bundle[b].has[k]; bundle[b].has[k] = 0
                :: else
                fi }
        };
        goto discard
#else
    :: bundle[b].intention && bundle[b].isWhole -> goto collect    /* @StagingRecovery.swift intention */
#endif
    :: (!bundle[b].intention || !bundle[b].isWhole) && bundle[b].record -> goto publish /* @StagingRecovery.swift sealed */
    :: else -> goto discard
    fi;
discard:
    atomic { /* what holds a station's file is never removed @StagingRecovery.swift clear */
        CRASH;
        if
        :: bundle[b].has[JSON] != 0 || bundle[b].has[IMAGE] != 0 -> goto stuck
        :: else ->
            bundle[b].place = nowhere; bundle[b].lease = 0; bundle[b].intention = 0;
            bundle[b].isWhole = 0; bundle[b].refuse = 0; bundle[b].reason = 0;
            bundle[b].wanted[JSON] = 0; bundle[b].wanted[IMAGE] = 0; b = NONE
        fi
    };
    goto recover;
stuck:
    false;
dead:
    atomic { b = NONE; goto recover }
}

/* It never replaces a file of its own, and may delete what still stands in its drop box. */
proctype Station(byte name) {
    do
    :: atomic { incoming[name] == 0 && dropped[name] < VERSIONS ->
        dropped[name]++; incoming[name] = dropped[name] }
    :: atomic { incoming[name] != 0 && withdrawn[name] == 0 ->
        withdrawn[name] = withdrawn[name] | (1 << incoming[name]); incoming[name] = 0 }
    od
}

/* Where a version is: how many times. */
#define COUNT(name, version) ((incoming[name] == version) + (bundle[0].has[name] == version) \
    + (VERSIONS > 1 && bundle[VERSIONS - 1].has[name] == version) \
    + ((withdrawn[name] >> version) & 1))
#define EACHONCE(name) ((dropped[name] < 1 || COUNT(name, 1) == 1) \
    && (dropped[name] < 2 || COUNT(name, 2) == 1))

proctype Observer() { /* I7, at every instant */
    atomic { (NEGATED == 4 || !(EACHONCE(JSON) && EACHONCE(IMAGE))) ->
        CHECK(4, EACHONCE(JSON) && EACHONCE(IMAGE)) }
}

init {
    BEGIN;
    atomic { run Watcher(); run Station(JSON); run Station(IMAGE); run Observer() };
    timeout;
    CHECK(5, bundle[0].place != staging && bundle[VERSIONS - 1].place != staging);
    CHECK(6, EACHONCE(JSON) && EACHONCE(IMAGE));
    /* A whole pair does not wait for ever. */
    CHECK(7, incoming[JSON] == 0 || incoming[IMAGE] == 0 || next == VERSIONS)
}
