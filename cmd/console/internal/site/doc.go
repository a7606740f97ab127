// Package site judges a site from the newest report of each of its Sockets. It is
// pure: a function of the reports and now, with the moment at which silence
// alone would change the answer ([Verdict.Deadline]).
//
// Each Socket is the other's witness:
//
//	A heard, B heard    the worse of the two views; both are connected
//	A silent, B heard   B hears A on the HA link   → A's way to the cloud (CloudPath)
//	                    B has lost A               → A is down (Down), or was stopped as planned
//	                    B cannot tell              → NotHeard
//	both silent         the site is Unknown: a third word beside Ready and NotReady
//
// A Socket is heard while less than two of the intervals it announced have passed
// since its last report, by the console's clock. What a silent Socket said last
// counts for nothing, so silence never shows green.
//
// Silence of our own is not theirs: a Socket is blamed only if the console has
// been listening for two of its intervals. Until then it is Awaited, which is
// neither ready nor failed.
//
// The clock of a Socket is never believed, only its ages: a reason stands since
// we received the report, less the age the report gave it.
package site
