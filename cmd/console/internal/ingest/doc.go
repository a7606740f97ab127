// Package ingest takes reports in over HTTPS: POST /v1/reports, one CloudEvent
// each (agent/report/schema).
//
//	client certificate → tenant (O), serial (Subject serialNumber, 2.5.4.5)
//	  → rate limit of the serial → body, bounded → schema.Parse, strict
//	  → the serial of the report must be that of the certificate
//	  → one transaction: newest report, transitions, step of the site's story
//	  → 200 with the position, only when that is on disk
//
// What is refused stores nothing. Answers, always with a JSON body (schema.Answer):
//
//	200  taken, or not above what was taken before (nothing is written again)
//	400  not a report                    401  no usable certificate
//	403  another Socket's serial         405  not POST           415  not JSON
//	409  an epoch below the last one: the body holds the position to go above
//	413  too large                       429  too often: Retry-After
//	503  the store is slow or away: Retry-After
package ingest
