package service

// Confinement says what the agent keeps. Paths that do not exist are left out: a
// file that is made later needs its folder listed.
type Confinement struct {
	Read  []string // files and folders to read, with all below
	Write []string // folders to change, with all below; readable too
	Run   []string // programs and folders of programs to execute; readable too

	// KeepNetRaw keeps CAP_NET_RAW if the process has it: for kernels before 5.7,
	// see BindNeedsCapability.
	KeepNetRaw bool
}

// Confined tells what is in force.
type Confined struct {
	NoNewPrivileges bool
	Capabilities    bool   // all dropped but those kept
	Landlock        int    // version of the kernel's interface used; 0: none
	Missing         string // what the kernel or the build does not offer; empty if nothing
}
