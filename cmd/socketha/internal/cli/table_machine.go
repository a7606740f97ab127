package cli

import (
	"socketha/agent/config"
)

// agentCommands run the agent.
func agentCommands() []command {
	return []command{
		{
			name: "agent", summary: "run the agent in the foreground",
			long: `Runs until it is interrupted or terminated. A stop is announced to the peer, so
				that it is not taken for a failure. The log goes to standard error.`,
			flags: []flagSpec{{
				names: []string{"config"}, value: "FILE", def: config.DefaultFile,
				usage: "configuration",
			}},
			examples: []example{
				{"socketha agent --config /etc/socketha/socketha.toml", "as the service does"},
			},
			run: runAgent,
		},
	}
}

// identityCommands are about who this Socket is and whom it believes.
func identityCommands() []command {
	return []command{
		{
			name: "identity init", summary: "make the key and certificate of this Socket",
			long: `Makes a private key (ECDSA P-256) and a certificate for it that shows the S/N of
				this Socket, and prints the fingerprint to trust on the peer. Without --serial
				the S/N is read where the configuration says ([appliance]).

				An identity that is there is kept: the peer trusts its key, and a new one is a
				stranger to it.`,
			flags: []flagSpec{
				configFlag(),
				{names: []string{"serial"}, value: "S/N", usage: "S/N of this Socket, instead of the appliance's file"},
				{names: []string{"tenant"}, value: "NAME", usage: "owner, shown in the certificate as organization"},
				{names: []string{"force"}, usage: "replace an identity that is there"},
			},
			examples: []example{
				{"socketha identity init", "S/N from the appliance"},
				{"socketha identity init --serial SKT-0001", "S/N given"},
			},
			run: runIdentityInit,
		},
		{
			name: "identity show", summary: "show the identity of this Socket and the peers it trusts",
			flags: []flagSpec{
				configFlag(),
				outputFlag("table", "json", "yaml"),
				{names: []string{"fingerprint"}, usage: "print the fingerprint alone"},
			},
			examples: []example{
				{"socketha identity show", "everything"},
				{"socketha identity show --fingerprint", "what to trust on the peer"},
			},
			run: runIdentityShow,
		},
		{
			name: "identity trust", summary: "trust the key of the peer",
			long: `Adds the fingerprint to the pins file of the configuration. FILE is the peer's
				certificate. Compare the fingerprint with what "socketha identity show" prints on
				the peer: whoever holds that key will be believed.`,
			args: []string{"FINGERPRINT|FILE"}, least: 1,
			flags: []flagSpec{
				configFlag(),
				{names: []string{"comment"}, value: "TEXT", usage: "note beside the pin; without it the S/N of a certificate"},
				{names: []string{"replace"}, usage: "forget every other pin, after a Socket was exchanged"},
			},
			examples: []example{
				{"socketha identity trust sha256:3f5c...", "as printed on the peer"},
				{"socketha identity trust peer.pem --replace", "from the new peer's certificate"},
			},
			run: runIdentityTrust,
		},
		{
			name: "identity pair", summary: "trust the Socket at the other end of the HA cable",
			long: `Run it on both Sockets. It waits until the other one is heard on the HA link and
				shows both: S/N, model and key fingerprint. Compare them with what the other Socket
				shows, and confirm. Only then is its key pinned, and an agent that waits for its
				first pin takes it up at once. Until then nothing that comes over the cable is
				trusted.

				It refuses where more than one other Socket is on the link. A fleet is better off
				with provisioned pins (identity trust) or an authority.`,
			flags: []flagSpec{
				configFlag(),
				{names: []string{"wait"}, value: "TIME", def: defaultWait, usage: "how long to wait for the other Socket, 1s to 1h"},
				{names: []string{"yes"}, value: "FINGERPRINT", usage: "confirm this key beforehand, for scripts: any other is refused"},
				{names: []string{"replace"}, usage: "forget every other pin, after a Socket was exchanged; stop the agent before"},
			},
			examples: []example{
				{"socketha identity pair", "on both Sockets, then compare"},
				{"socketha identity pair --yes sha256:3f5c...", "in a script"},
			},
			exits: []exitDoc{
				{ExitOK, "the other Socket is trusted"},
				{ExitError, "no peer, several, or not confirmed: nothing was pinned"},
				{ExitUsage, "called in a wrong way"},
			},
			run: runIdentityPair,
		},
	}
}

// configCommands are about the configuration.
func configCommands() []command {
	return []command{
		{
			name: "config check", summary: "check a configuration",
			long: `Reads the file as the agent would and says everything that is wrong with it, as
				file:line:column, key, value and what is accepted.`,
			args: []string{"FILE"},
			flags: []flagSpec{{
				names: []string{"config"}, value: "FILE", usage: "the same as FILE (default " + config.DefaultFile + ")",
			}},
			examples: []example{
				{"socketha config check", config.DefaultFile},
				{"socketha config check ./new.toml", "before it is put in place"},
			},
			exits: []exitDoc{{ExitOK, "the agent would start with it"}, {ExitError, "it would not"}, {ExitUsage, "called in a wrong way"}},
			run:   runConfigCheck,
		},
		{
			name: "config show", summary: "print the configuration in force, defaults included",
			args: []string{"FILE"},
			flags: []flagSpec{
				{names: []string{"config"}, value: "FILE", usage: "the same as FILE (default " + config.DefaultFile + ")"},
				{names: []string{"sample"}, usage: "print the sample instead: every key, explained"},
			},
			examples: []example{
				{"socketha config show", "what the agent runs with"},
				{"socketha config show --sample >socketha.toml", "a file to start from"},
			},
			run: runConfigShow,
		},
	}
}

// programCommands are about this program.
func programCommands() []command {
	return []command{
		{
			name: "version", summary: "print the version of this program",
			flags: []flagSpec{outputFlag("table", "json", "yaml")},
			examples: []example{
				{"socketha version", "for people"},
				{"socketha version -o json", "for programs"},
			},
			run: runVersion,
		},
		{
			name: "completion", summary: "print the completion script of a shell",
			long: `Commands, flags and their values are completed as this very program knows them; so
				the script need not be printed again after an upgrade.`,
			args: []string{"bash|zsh|fish"}, least: 1,
			examples: []example{
				{"source <(socketha completion bash)", "in ~/.bashrc"},
				{"source <(socketha completion zsh)", "in ~/.zshrc, after compinit"},
				{"socketha completion fish >~/.config/fish/completions/socketha.fish", "once"},
			},
			run: runCompletion,
		},
		{
			name: "help", summary: "explain a command",
			args: []string{"COMMAND"}, more: true,
			flags: []flagSpec{
				{names: []string{"man"}, usage: "as a man page; of the configuration for \"socketha.toml\""},
				{names: []string{"man-dir"}, value: "FOLDER", usage: "write all man pages there, for a package"},
			},
			examples: []example{
				{"socketha help", "the list of commands"},
				{"socketha help identity trust", "all about one of them"},
				{"socketha help --man status | man -l -", "the same as a man page"},
			},
			run: runHelp,
		},
	}
}
