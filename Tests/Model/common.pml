/* What the models of PROTOCOL.md's rules share; README.md tells which model is about what.
 *
 * A step of a model is one system call: atomic to everybody else. Before each step its process may
 * be killed (CRASH), as often as CRASHES says over the whole run: its locks are freed by the
 * kernel, what it had in memory is gone, what it had done in directories stays. It starts anew.
 *
 * A comment like the one below names the Swift function that a step stands for; Tests/Model/run
 * looks whether that function is still there:
 *     @Claim.swift end
 */
#ifndef CRASHES
#define CRASHES 1
#endif

/* Each check is seen failing: built with NEGATABLE, a model begins by reading from the environment
 * which of its checks is negated. */
#ifdef NEGATABLE
byte NEGATED;
#define BEGIN c_code { char *text = getenv("NEGATED"); now.NEGATED = text ? atoi(text) : 0; }
#else
#define NEGATED 0
#define BEGIN skip
#endif
#define CHECK(number, condition) assert(NEGATED == number -> !(condition) : (condition))
/* The same for a check that holds only when something was there to be checked. */
#define IMPLIES(number, premise, condition) \
    assert(!(premise) || (NEGATED == number -> !(condition) : (condition)))

#define NONE 255

byte crashes;

/* Each model defines FREE (what the kernel takes from a dead process) and a label `dead`. */
#define CRASH if :: crashes < CRASHES -> crashes++; FREE; goto dead :: true fi
