package cli

import (
	"errors"
	"slices"
	"strings"

	"socketha/agent/config"
)

// errHelp says that help was asked for.
var errHelp = errors.New("help wanted")

// parse reads flags and arguments in any order; "--" ends the flags.
func (c *call) parse(args []string) error {
	c.flags = make(map[string]string)
	for _, f := range c.command.flags {
		c.flags[f.names[0]] = f.def
	}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if word == "--" {
			c.args = append(c.args, args...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			c.args = append(c.args, word)
			continue
		}
		rest, err := c.parseFlag(word, args)
		if err != nil {
			return err
		}
		args = rest
	}
	for _, f := range c.command.flags {
		if f.needed && c.flags[f.names[0]] == "" {
			return usagef("%s is missing: %s", f.dashed(), strings.Join(f.choices, ", "))
		}
	}
	return c.countArgs()
}

// parseFlag reads the flag that word is, with its value from word or from rest,
// and returns what is left of rest.
func (c *call) parseFlag(word string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
	if name == "h" || name == "help" {
		return nil, errHelp
	}
	f := c.command.flagNamed(name)
	if f == nil {
		return nil, c.unknownFlag(word, name)
	}
	switch {
	case f.value == "" && !given:
		value = "true"
	case f.value == "" && value != "true" && value != "false":
		return nil, usagef("%s is on or off: it takes no %q", f.dashed(), value)
	case f.value != "" && !given:
		if len(rest) == 0 {
			return nil, usagef("%s needs a value: %s", f.dashed(), f.value)
		}
		value, rest = rest[0], rest[1:]
	}
	if len(f.choices) > 0 && !slices.Contains(f.choices, value) {
		if near := config.Nearest(value, f.choices); near != "" {
			return nil, usagef("%s %q is unknown, did you mean %q?", f.dashed(), value, near)
		}
		return nil, usagef("%s %q is unknown, accepted: %s", f.dashed(), value, strings.Join(f.choices, ", "))
	}
	c.flags[f.names[0]] = value
	return rest, nil
}

func (c *call) unknownFlag(word, name string) error {
	var names []string
	for _, f := range c.command.flags {
		names = append(names, f.names...)
	}
	if near := config.Nearest(name, names); near != "" {
		return usagef("unknown flag %s, did you mean %s?", word, dashed(near))
	}
	return usagef("unknown flag %s", word)
}

func (c *call) countArgs() error {
	least, most := c.command.least, len(c.command.args)
	if c.command.more {
		most = len(c.args)
	}
	switch n := len(c.args); {
	case n < least:
		return usagef("%s is missing", strings.Join(c.command.args[n:least], " and "))
	case n > most:
		return usagef("%q is one argument too many", c.args[most])
	}
	return nil
}
