// Package schema is what a Socket and its cloud say to each other: the report, its
// CloudEvents envelope, and the answer.
//
//	POST, application/cloudevents+json (CloudEvents 1.0, JSON format, structured mode)
//
//	{ "specversion": "1.0", "type": "ha.report.v1",
//	  "source": "urn:socket:SERIAL", "subject": "site/SITE", "id": "SERIAL/EPOCH/SEQ",
//	  "time": when the document was made, "datacontenttype": "application/json",
//	  "data": the status document + epoch, seq, cause, next_report_in_s, transitions }
//
//	200, application/json
//
//	{ "epoch": E, "seq": S, "cadence_s": N }
//
// The package is a leaf: it does no I/O and pulls in no HTTP, so that a receiver takes
// it without the agent. A receiver calls [Parse], compares [Event].Serial with the
// certificate of the connection, and answers with an [Answer].
//
// # Which report is the last
//
// Epoch counts the starts of an agent, Seq its reports in that life; [Position] orders
// them. A receiver takes a report only if its position is above the last one it took of
// that serial; so reports may come twice, late or in any order, and the last write
// wins. Whatever has another content has another position, but for a Socket that was
// reset to factory state: it counts from 1 again. So a receiver that keeps a digest of the
// last one's bytes tells a second copy, which is taken, from a new beginning, which gets 409.
//
//	taken, or the last one     2xx, with the last position (an empty body will do)
//	  again, byte for byte
//	anything else              409, with the last position: the agent goes on above it
//	never to be taken          400, 403, 413, 422, with an "error" for a person
//	not now                    429 or 5xx, with Retry-After if there is a wish
package schema
