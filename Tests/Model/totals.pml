/* The counts of what was cleaned up: R14.
 *
 * BUNDLES finished bundles, and two cleanups at once, killed at any step. In the end each bundle
 * is counted once, however often a sweep was cut off.
 */
#include "common.pml"

#ifndef BUNDLES
#define BUNDLES 2
#endif

mtype = { kept, trashed, unlinked };
mtype bundle[BUNDLES] = kept;
byte totals;            /* .spool/totals: the count, and the names that are in it */
byte counted;
byte lock;              /* .spool/totals.lock */
hidden byte k;

#define BIT(j) (1 << (j))
#define FREE if :: lock == me -> lock = 0 :: else fi

/* One file, replaced as a whole; names that stand in the trash no longer are left out. */
inline count(set) { /* @Retention.swift count */
    atomic {
        CRASH;
        for (k : 0 .. BUNDLES - 1) {
            if :: bundle[k] != trashed -> counted = counted & ~BIT(k) :: else fi;
            if :: set & BIT(k) -> totals++; counted = counted | BIT(k) :: else fi
        };
#ifdef NAMES_NOT_KEPT
        counted = 0;
#endif
        k = 0
    }
}

inline unlink(set) { /* @Retention.swift unlink */
    j = 0;
    do
    :: j < BUNDLES -> atomic { CRASH;
        if :: set & BIT(j) -> bundle[j] = unlinked :: else fi; j++ }
    :: else -> j = 0; break
    od
}

proctype Clean(byte me) { /* @Retention.swift sweep */
    byte j, names, news;
sweep:
    atomic { (bundle[0] != unlinked || bundle[BUNDLES - 1] != unlinked) };
#ifndef NO_LOCK
    atomic { lock == 0 -> CRASH; lock = me };
#endif
    atomic { /* @Retention.swift emptyTrash */
        CRASH;
        for (k : 0 .. BUNDLES - 1) {
            if :: bundle[k] == trashed -> names = names | BIT(k) :: else fi
        };
        news = names & ~counted
    };
#ifdef UNLINK_BEFORE_COUNT
    unlink(names);
#endif
    if :: news -> count(news) :: else fi;
    unlink(names);
    atomic { names = 0; news = 0 };
    do /* @Retention.swift trash */
    :: j < BUNDLES -> atomic { CRASH;
        if :: bundle[j] == kept -> bundle[j] = trashed; news = news | BIT(j) :: else fi; j++ }
    :: else -> j = 0; break
    od;
#ifdef UNLINK_BEFORE_COUNT
    unlink(news);
#endif
    if :: news -> count(news); unlink(news) :: else fi;
    atomic { CRASH; FREE; news = 0 };
    goto sweep;
dead:
    atomic { j = 0; names = 0; news = 0; goto sweep }
}

init {
    byte j;
    BEGIN;
    atomic { run Clean(1); run Clean(2) };
    timeout;
    for (j : 0 .. BUNDLES - 1) { CHECK(1, bundle[j] == unlinked) };
    CHECK(2, totals == BUNDLES && lock == 0)
}
