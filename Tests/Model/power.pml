/* What a power cut leaves: the order of flushes; I2, I3, and a claim's number that never repeats.
 *
 * One job from incoming/ to done/. The disk keeps changes of names in their order (a journal), but
 * no one knows how many of them since the last flush of a directory; the bytes of a file that was
 * not flushed may be gone (XFS) though its name is there. CUTS power cuts at any moments; after
 * each the service starts again and goes on with what it finds.
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#include "common.pml"

mtype = { incoming, staging, queued, running, done };
#define IMAGE 0
#define MEMBERS 1
#define RECORD 2        /* the one that stands under its name */
#define NEWRECORD 3     /* the temporary one */
#define OUTPUT 4
#define FILES 5

typedef Names {         /* what the journal keeps */
    mtype place = incoming;
    byte n;             /* in the name, while it runs */
    bit taken;          /* the image stands in the bundle */
    bit intention;      /* .members is there */
    byte record;        /* whether status.json is there, and how many claims it knows, plus 1 */
    bit completed;      /* it says so */
    bit output;         /* out.N.part */
    bit result;         /* it has its result's name */
};
#define CHANGES 8
Names now;
Names past[CHANGES];    /* as it was before each change that is not flushed */
byte changes;
byte unflushed;         /* files whose bytes may be lost; those of NEWRECORD go with a rename */
byte torn;              /* files whose bytes are lost */
byte told;              /* the check's own: claims that a remote pipeline was told of */
hidden byte k;

#define BIT(j) (1 << (j))
#define ISTORN(j) (torn & BIT(j))

inline copy(to, from) {
    d_step {
        to.place = from.place; to.n = from.n; to.taken = from.taken; to.intention = from.intention;
        to.record = from.record; to.completed = from.completed; to.output = from.output;
        to.result = from.result
    }
}
inline forget() {
    d_step {
        for (k : 0 .. CHANGES - 1) {
            past[k].place = incoming; past[k].n = 0; past[k].taken = 0; past[k].intention = 0;
            past[k].record = 0; past[k].completed = 0; past[k].output = 0; past[k].result = 0
        };
        changes = 0
    }
}
#define CHANGE copy(past[changes], now); changes++
#define WRITE(file) unflushed = unflushed | BIT(file); torn = torn & ~BIT(file)
#define FLUSH(file) unflushed = unflushed & ~BIT(file)
#define FLUSHNAMES forget()

/* The cut: some of the last changes, and some unflushed bytes, are gone. */
#define FREE \
    if \
    :: changes > 0 -> select(k : 0 .. changes - 1); copy(now, past[k]) \
    :: true \
    fi; \
    for (k : 0 .. FILES - 1) { \
        if :: unflushed & BIT(k) -> torn = torn | BIT(k) :: true fi \
    }; \
    forget(); unflushed = 0; \
    IMPLIES(1, now.place == queued || now.place == running, \
        !ISTORN(IMAGE) && now.record > 0 && !ISTORN(RECORD));       /* I2 */ \
    IMPLIES(2, now.place == done, \
        now.result && !ISTORN(OUTPUT) && now.completed && !ISTORN(RECORD))      /* I3 */

/* The record: temporary file, flush, rename over (@Spool.swift write). */
inline put(claims, isCompleted) {
    atomic { CRASH; WRITE(NEWRECORD) };
#ifndef RECORD_NOT_FLUSHED
    atomic { CRASH; FLUSH(NEWRECORD) };
#endif
    atomic { CRASH;
        CHANGE; now.record = claims + 1; now.completed = isCompleted;
        unflushed = (unflushed & ~BIT(RECORD)) | ((unflushed & BIT(NEWRECORD)) >> 1);
        torn = torn & ~BIT(RECORD); FLUSH(NEWRECORD)
    }
}

proctype Service() {
    byte n;
start:
    if
    :: now.place == incoming
    :: now.place == staging && now.intention && !ISTORN(MEMBERS) -> goto collect /* @StagingRecovery.swift intention */
    :: now.place == staging && (!now.intention || ISTORN(MEMBERS)) && now.record -> goto seal /* @StagingRecovery.swift sealed */
    :: now.place == staging && (!now.intention || ISTORN(MEMBERS)) && !now.record -> /* @StagingRecovery.swift clear */
        CHECK(3, !now.taken);
        atomic { CRASH; CHANGE; now.place = incoming; now.intention = 0 };
    :: now.place == queued -> goto claim
    :: now.place == running -> goto recover
    :: now.place == done -> goto over
    fi;
    atomic { WRITE(IMAGE) };        /* the station's bytes: nobody flushed them */
    atomic { CRASH; CHANGE; now.place = staging };                  /* @Staging.swift prepare */
    atomic { CRASH; CHANGE; now.intention = 1; WRITE(MEMBERS) };    /* @Spool.swift write */
#ifndef MEMBERS_NOT_FLUSHED
    atomic { CRASH; FLUSH(MEMBERS) };                               /* @Spool.swift flush */
#endif
    atomic { CRASH; FLUSHNAMES };                                   /* @Staging.swift prepare */
collect:
    if
    :: !now.taken -> atomic { CRASH; CHANGE; now.taken = 1 }        /* @Staging.swift take */
    :: else
    fi;
    atomic { CRASH; FLUSHNAMES };                                   /* @Staging.swift collect */
    /* An earlier cut may have left the bytes as they are: the image is looked at again. */
    if :: ISTORN(IMAGE) -> goto over :: else fi;                    /* @Staging.swift compose */
    put(0, 0);                                                      /* @Staging.swift seal */
#ifndef UNLINKED_BEFORE_IMAGE
    atomic { CRASH; FLUSH(IMAGE) };                                 /* @Staging.swift flushMembers */
    atomic { CRASH; CHANGE; now.intention = 0 };                    /* @Staging.swift seal */
#else
    atomic { CRASH; CHANGE; now.intention = 0 };
    atomic { CRASH; FLUSHNAMES };
    atomic { CRASH; FLUSH(IMAGE) };
#endif
seal:
    atomic { CRASH; FLUSHNAMES };                                   /* @Staging.swift seal */
    atomic { CRASH; CHANGE; now.place = queued };                   /* @Staging.swift publish */
    atomic { CRASH; FLUSHNAMES };                                   /* @Staging.swift finish */
claim:
    n = now.record;     /* its claims plus 1 */
    if :: n > CRASHES + 1 -> goto over :: else fi;
    atomic { CRASH; CHANGE; now.place = running; now.n = n };       /* @JobQueue.swift take */
#ifdef REMOTE_TOLD_FIRST
    atomic { CRASH; CHECK(4, !(told & BIT(n))); told = told | BIT(n) };
    atomic { CRASH; FLUSHNAMES };
    put(n, 0);
#else
    atomic { CRASH; FLUSHNAMES };                                   /* @Claim.swift makeDurable */
    put(n, 0);                                                      /* @Claim.swift makeDurable */
    atomic { CRASH; CHECK(4, !(told & BIT(n))); told = told | BIT(n) };     /* R2 @Worker.swift start */
#endif
    atomic { CRASH; CHANGE; now.output = 1; WRITE(OUTPUT) };
complete:
#ifndef RESULT_NOT_FLUSHED
    atomic { CRASH; FLUSH(OUTPUT) };                                /* @Claim.swift settleOutput */
#endif
    atomic { CRASH; CHANGE; now.output = 0; now.result = 1 };       /* @Claim.swift settleOutput */
    put(n, 1);                                                      /* @Claim.swift end */
end:
    atomic { CRASH; FLUSHNAMES };                                   /* @Claim.swift move */
    atomic { CRASH; CHANGE; now.place = done; now.n = 0 };          /* @Claim.swift move */
    atomic { CRASH; FLUSHNAMES };                                   /* @Claim.swift move */
    goto over;
recover: /* @Recovery.swift recover */
    n = now.n;
    if
    :: now.record == n + 1 && now.completed && now.result && !ISTORN(OUTPUT) -> goto end /* @Recovery.swift isDecided */
    :: else
    fi;
    atomic { CRASH; CHANGE; now.result = 0; now.output = 0 };       /* @Claim.swift removeLeftovers */
    put(n, 0);                                                      /* @Claim.swift giveBack */
    atomic { CRASH; FLUSHNAMES };                                   /* @Claim.swift move */
    atomic { CRASH; CHANGE; now.place = queued; now.n = 0 };        /* @Claim.swift move */
    atomic { CRASH; FLUSHNAMES };                                   /* @Claim.swift move */
    goto claim;
dead:
    atomic { n = 0; goto start };
over:
    n = 0
}

init {
    BEGIN;
    atomic { run Service() };
    timeout;
    CHECK(5, now.place == done || ISTORN(IMAGE))
}
