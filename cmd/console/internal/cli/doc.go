// Package cli is the console's command: its table of commands, flags, help and exit
// codes. It decides nothing of what a console does.
package cli
