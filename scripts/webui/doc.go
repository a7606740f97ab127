// Package webui puts the About page into a WebUI that exists already: sample
// configurations of nginx and lighttpd in front of the agent's unix socket, and a
// sample WebUI with tabs whose About tab is the element.
//
// Its tests drive Chromium through a real nginx and a real lighttpd, over the real
// agent/local.Server, with documents that the real status.Evaluator made. They
// leave a screenshot of every state in $SOCKETHA_SHOTS, by default
// .cache/webui. The pictures of the README are made by
//
//	SOCKETHA_README=1 go test ./scripts/webui -run TestReadme
package webui
