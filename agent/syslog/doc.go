// Package syslog tells the appliance's own syslog what became of the pair, as
// RFC 5424 messages with structured data: a machine reads the parameters, a
// person the sentence.
//
//	<27>1 2026-11-22T18:04:31.207Z site17-a socketha 812 ALARM_OPENED
//	  [socketha@32473 alarm="4" cause="HA_NOT_READY_NO_KEEPALIVE" readiness="not_ready" …] The alarm …
//
//	Transition, AlarmAction ──► Message ──► Writer.Send ──► queue ──► Writer.Run ──► socket
//
// [Writer.Send] never blocks: the queue holds [MaxQueued] messages, drops the
// oldest and counts it. While nobody listens at the socket, Run tries again and
// again, at intervals that grow to a minute; how many were dropped meanwhile is
// told by a message of its own once somebody does.
//
// # Receivers
//
// A datagram is a message (RFC 5426 for UDP). What listens at /dev/log often
// expects the older format of glibc's syslog(3). Seen with rsyslog 8.2302: imudp
// parses RFC 5424 as it comes; imuxsock does with UseSpecialParser="off" (and takes
// our time rather than that of arrival with IgnoreTimestamp="off"), and otherwise
// keeps all after the priority as text, so that nothing is lost but the fields.
//
// # Identifiers
//
// The structured data is named socketha@NUMBER, where NUMBER is the vendor's
// private enterprise number. [DefaultEnterprise] is the one that RFC 5612 reserves for
// documentation; a firmware builder sets its own.
package syslog
