// Package web shows people and programs what the console knows: the Sites, Socket and
// Stories pages, the JSON API under /api/v1, and the login in front of both.
//
//	GET  /sites /sites.csv /site /stories /story /account   pages; all work without scripts
//	POST /story/ack /story/mute /story/note                 what an operator does
//	GET  /events                                            server-sent events: something has changed
//	GET  /login /login/oidc …                               see below
//	     /api/v1/…                                          described by /api/openapi.json
//
// A page is made here, whole. The script (app.js, with htmx) only fetches the same page
// again when an event says so and puts the parts that differ in place, so a page with
// and without scripts cannot tell different things. When the events stop, the page says
// that it is not live, and of when it is.
//
// # Who may see what
//
// Somebody is known by a session (local password, or OIDC), or by a header that a proxy
// at a configured address sets. What he may see are his [Grants]: tenants, and in
// each the role viewer or operator. A tenant that was not granted does not exist for him: 404.
//
//	local   an account in the store: argon2id; the first one is made at the first start
//	OIDC    code flow with PKCE, state and nonce; grants from a claim
//	proxy   grants from a header with groups, or the same for everybody
//
// Sessions are in the store, under the digest of what the browser holds; several
// consoles on one database share them. Rate limits are each console's own.
//
// Accounts stand in the store under the tenant "", which no certificate can
// have, and their role is their grants as JSON.
//
// # What keeps it safe
//
// Whatever a Socket says is text: html/template escapes it, the policy
// (Content-Security-Policy) allows one origin's scripts and styles and nothing inline, and
// a CSV cell never starts a formula. What changes anything needs POST, the same origin
// (http.CrossOriginProtection) and the token of the session.
package web
