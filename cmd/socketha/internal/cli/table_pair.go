package cli

// askExits are the exit codes of what asks the agent, or tells it something.
var askExits = []exitDoc{
	{ExitOK, "done"},
	{ExitError, "error, or the agent does not answer"},
	{ExitUsage, "called in a wrong way"},
	{ExitNotRunning, "the agent is not running"},
}

// declareExits are the same for declarations, which can be refused.
var declareExits = []exitDoc{
	{ExitOK, "declared"},
	{ExitError, "refused, or the agent does not answer"},
	{ExitUsage, "called in a wrong way"},
	{ExitNotRunning, "the agent is not running"},
}

// costCommands are about what the pair went through and what a failover would cost.
func costCommands() []command {
	return []command{
		{
			name: "impact", summary: "show what a failover would cost this site",
			long: `Lists the features that this site uses and a failover would stop, those that do
				not work now, and those that a failover would bring back.

				Every entry says what it rests on: "advertised" is what the Sockets themselves
				say, "catalog" follows from a version and the feature catalog, "unknown" means
				that nothing tells, so the feature is taken for missing.

				With -o json it is the "impact" of the status document, null if not known.`,
			flags: []flagSpec{outputFlag("table", "json", "yaml"), socketFlag(), socketConfigFlag()},
			examples: []example{
				{"socketha impact", "the lists"},
				{"socketha impact -o json", "for programs"},
			},
			exits: askExits,
			run:   runImpact,
		},
		{
			name: "history", summary: "show what this pair went through",
			long: `Lists the changes of readiness and compatibility, newest first: when, from what
				and after how long, both versions, and the reasons from then on. The agent keeps
				256 of them across restarts. Times are UTC.`,
			flags: []flagSpec{
				{names: []string{"n"}, value: "COUNT", usage: "at most that many, 1 to 256; without it 20, and all with -o json or yaml"},
				outputFlag("table", "json", "yaml"), socketFlag(), socketConfigFlag(),
			},
			examples: []example{
				{"socketha history", "the last 20"},
				{"socketha history -n 1", "the last one"},
				{"socketha history -o json", "all of them, for programs"},
			},
			exits: askExits,
			run:   runHistory,
		},
		{
			name: "support-request", summary: "write the ticket that asks for the upgrade",
			long: `Prints a request to the vendor's support, ready to send: which Socket to upgrade
				(S/N, from which version to which), both Sockets, since when, what a failover
				would cost and how to verify. If there is nothing to request, it says so and what
				to do instead.`,
			flags: []flagSpec{socketFlag(), socketConfigFlag()},
			examples: []example{
				{"socketha support-request", "to read it"},
				{"socketha support-request >ticket.txt", "to send it"},
			},
			exits: askExits,
			run:   runSupportRequest,
		},
	}
}

// upgradeCommands are about firmware upgrades.
func upgradeCommands() []command {
	return []command{
		{
			name: "upgrade begin", summary: "declare that this Socket is being upgraded",
			long: `Tells the agent, and by it the peer, that the firmware of this Socket is being
				upgraded. The state shown stays true; the alarm is held, by default for 34 minutes. Say how
				it ended with "socketha upgrade end". Only root and the admin group may.`,
			args:  []string{"VERSION"},
			flags: []flagSpec{socketFlag(), socketConfigFlag()},
			examples: []example{
				{"socketha upgrade begin 19.0", "to version 19.0"},
				{"socketha upgrade begin", "the version is not known yet"},
			},
			exits: declareExits,
			run:   runUpgradeBegin,
		},
		{
			name: "upgrade end", summary: "declare how the upgrade of this Socket ended",
			long: `Ends what "socketha upgrade begin" declared. "failed" and "skipped" raise the
				alarm at once, since then somebody has to act. Only root and the admin group may.`,
			flags: []flagSpec{
				{names: []string{"result"}, value: "RESULT", choices: []string{"ok", "failed", "skipped"}, needed: true, usage: "how it ended: ok, failed, skipped"},
				socketFlag(), socketConfigFlag(),
			},
			examples: []example{
				{"socketha upgrade end --result ok", "this Socket runs the new version"},
				{"socketha upgrade end --result failed", "it does not"},
				{"socketha upgrade end --result skipped", "it was not tried"},
			},
			exits: declareExits,
			run:   runUpgradeEnd,
		},
		{
			name: "upgrade plan", summary: "show how an upgrade of the pair to a version would go",
			long: `Shows the steps in the documented order (the primary first), and after each one
				what the pair would be, what a failover in that moment would cost, and what to
				type on which Socket. It changes nothing.

				Features are named from the feature catalog of the configuration.`,
			args: []string{"VERSION"}, least: 1,
			flags: []flagSpec{outputFlag("table", "json", "yaml"), socketFlag(), socketConfigFlag()},
			examples: []example{
				{"socketha upgrade plan 19.0", "the steps"},
				{"socketha upgrade plan 19.0 -o json", "for programs"},
			},
			exits: askExits,
			run:   runUpgradePlan,
		},
	}
}

// failoverCommands are about failovers made by hand.
func failoverCommands() []command {
	return []command{
		{
			name: "failover begin", summary: "declare that a failover is made by hand",
			long: `Tells the agent that you are about to fail over by hand, so that both Sockets or
				none being active for a while is not taken for a fault. The alarm is held, by
				default for 5 minutes. It does not make the failover. Only root and the admin group may.`,
			flags: []flagSpec{socketFlag(), socketConfigFlag()},
			examples: []example{
				{"socketha failover begin", "before it"},
			},
			exits: declareExits,
			run:   runFailoverBegin,
		},
		{
			name: "failover end", summary: "declare that the failover by hand is over",
			flags: []flagSpec{socketFlag(), socketConfigFlag()},
			examples: []example{
				{"socketha failover end", "after it"},
			},
			exits: declareExits,
			run:   runFailoverEnd,
		},
	}
}
