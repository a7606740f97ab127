// Package cli is the command line of socketha: a table of commands (table.go)
// that says for each its flags, its examples and the function that does it, and
// the few things around it that read such a table: parsing (parse.go), help
// (help.go) and dispatch (cli.go).
//
// The table is data so that whatever describes the command line is made from what
// runs it: help, completion (completion.go) and man pages (man.go).
//
// What a user sees is rendered by pure functions of a status document, a width
// and a [style]: tests compare them with golden files, and the terminal is
// known only in terminal_*.go.
//
// Exit codes are those of the contract, section 6; see [Exit].
package cli
