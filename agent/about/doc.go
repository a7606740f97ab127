// Package about shows the status document to a person: a whole page for a
// browser, and a custom element that puts the same into another WebUI.
//
// There is one renderer. The page is made here, from a [status.Document], and
// works without any script. The script (about.js) never builds a verdict of its
// own: it fetches the page again, when an event says so and every few seconds,
// and puts the new one in place of the old. So the page, the page without
// JavaScript, and the element in another WebUI cannot differ.
//
// # What keeps it honest
//
// The script asks anew every 4 s and waits 3 s for an answer. Whenever an
// answer fails to come, whatever the reason, the page says "Status unknown"
// and nothing of the last verdict is left standing.
//
// # What keeps it safe
//
// Everything in a document may be the words of a stranger. The writer in html.go
// has two ways in: literals of this source, and text, which is always escaped;
// the compiler tells them apart. The script touches no HTML parser: it fetches a
// document and moves its nodes, so the page can demand Trusted Types. The policy
// (Content-Security-Policy) allows the one script and the one style sheet.
//
// html/template would do the escaping too, but costs the appliance's binary
// 2.2 MB of its 8 and turns dead-code elimination off.
package about
