package config

// Sandboxes.
const (
	SandboxNone     = "none"
	SandboxLandlock = "landlock" // with no capabilities and no new privileges
)

// Service is how the agent lives with what started it.
type Service struct {
	Sandbox string // one of the Sandbox words
}

var serviceKeys = []key{
	{
		name: "service.sandbox", doc: "\"landlock\": after its start the agent gives up capabilities and all files but its own",
		accepts: `"none" or "landlock"`,
		set: text(func(c *Config, s string) error {
			if s != SandboxNone && s != SandboxLandlock {
				return oneOf(s, SandboxNone, SandboxLandlock)
			}
			c.Service.Sandbox = s
			return nil
		}),
		get: func(c *Config) string { return quoted(c.Service.Sandbox) },
	},
}
