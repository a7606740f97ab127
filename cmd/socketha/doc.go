// Command socketha is the appliance's one binary: the agent that watches over
// an HA pair, and the command that asks it. This package only wires; the
// commands are in internal/cli, and the agent is put together by package agent.
//
//	socketha help
package main
