package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A stage is where the two Sockets stand: what joins them, and how a process is
// started on either side.
type stage struct {
	name  string // said to the viewer
	iface string // the HA interface, on both sides
	addr  [2]string
	// start runs cmd on a side.
	start func(side int, cmd *exec.Cmd) error
}

const (
	haInterface = "ha0"
	stageEnv    = "SOCKETHA_DEMO_STAGE" // set in the child that owns the first namespace
)

var cable = [2]string{"169.254.77.1", "169.254.77.2"}

// enterStage returns when this process stands where the demo can run. Network
// namespaces need privileges that a user namespace grants to anyone where the
// kernel allows it: the program then runs itself again inside. It returns done
// when that second self has finished.
func enterStage() (s *stage, done bool, err error) {
	if os.Getenv(stageEnv) != "" {
		s, err = namespaceStage()
		return s, false, err
	}
	flags := uintptr(syscall.CLONE_NEWNET)
	if os.Geteuid() != 0 {
		flags |= syscall.CLONE_NEWUSER
	}
	if why := probe(flags); why != nil {
		return loopbackStage(why), false, nil
	}
	cmd := exec.Command(self(), os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageEnv+"=1")
	cmd.SysProcAttr = isolate(flags)
	return nil, true, cmd.Run()
}

// isolate asks for a new namespace; within a user namespace the caller is root.
// The child dies with us, so that an interrupted demo leaves nothing behind.
func isolate(flags uintptr) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGTERM}
	if flags&syscall.CLONE_NEWUSER != 0 {
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// probe tries what enterStage is about to do, and says why it cannot be done.
func probe(flags uintptr) error {
	cmd := exec.Command(self(), "-probe")
	cmd.SysProcAttr = isolate(flags)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, out)
	}
	return nil
}

// tryVeth is the probe's inside: may we make the cable here?
func tryVeth() error {
	return netlink.LinkAdd(veth())
}

func veth() *netlink.Veth {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = haInterface
	return &netlink.Veth{LinkAttrs: attrs, PeerName: "ha0peer"}
}

// namespaceStage makes the second namespace, held by an idle child, and a veth
// pair between the two.
func namespaceStage() (*stage, error) {
	holder := exec.Command(self(), "-hold")
	holder.SysProcAttr = isolate(syscall.CLONE_NEWNET)
	holder.Stderr = os.Stderr
	told, err := holder.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the second namespace: %w", err)
	}
	plugged, err := holder.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make the second namespace: %w", err)
	}
	if err := holder.Start(); err != nil {
		return nil, fmt.Errorf("make the second namespace: %w", err)
	}
	if err := netlink.LinkAdd(veth()); err != nil {
		return nil, fmt.Errorf("make the cable: %w", err)
	}
	far, err := netlink.LinkByName("ha0peer")
	if err != nil {
		return nil, fmt.Errorf("find the cable's other end: %w", err)
	}
	if err := netlink.LinkSetNsPid(far, holder.Process.Pid); err != nil {
		return nil, fmt.Errorf("plug the cable into the second namespace: %w", err)
	}
	if err := plug(haInterface, 0); err != nil {
		return nil, err
	}
	// The holder plugs its end in when told, and says when that is done: an
	// agent started on half a cable would wait a second for its next ARP request.
	if _, err := io.WriteString(told, "plug\n"); err != nil {
		return nil, fmt.Errorf("plug the cable in on the far side: %w", err)
	}
	if line, err := bufio.NewReader(plugged).ReadString('\n'); err != nil {
		return nil, fmt.Errorf("plug the cable in on the far side: %s%w", line, err)
	}
	s := &stage{
		name:  "two network namespaces joined by a veth cable",
		iface: haInterface,
		addr:  cable,
	}
	s.start = func(side int, cmd *exec.Cmd) error {
		if side == 0 {
			return cmd.Start()
		}
		// nsenter by way of ourselves: a second self enters the namespace and
		// becomes the command.
		wrapped := append([]string{self(), "-enter", fmt.Sprint(holder.Process.Pid)}, cmd.Args...)
		cmd.Path, cmd.Args = self(), wrapped
		return cmd.Start()
	}
	return s, nil
}

// plug names this end of the cable, gives it its address and switches it on.
func plug(name string, side int) error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("switch loopback on: %w", err)
	}
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find the cable's end: %w", err)
	}
	if name != haInterface {
		if err := netlink.LinkSetName(l, haInterface); err != nil {
			return fmt.Errorf("name the cable's end: %w", err)
		}
	}
	addr, err := netlink.ParseAddr(cable[side] + "/30")
	if err != nil {
		return fmt.Errorf("address of side %d: %w", side, err)
	}
	if err := netlink.AddrAdd(l, addr); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("give the cable's end its address: %w", err)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("switch the cable on: %w", err)
	}
	return nil
}

// loopbackStage is what is left where no namespaces may be made: two loopback
// addresses. The link is real DTLS over real UDP; only the cable is missing.
func loopbackStage(why error) *stage {
	return &stage{
		name:  fmt.Sprintf("two loopback addresses (no network namespaces here: %v)", why),
		iface: "lo",
		addr:  [2]string{"127.0.77.1", "127.0.77.2"},
		start: func(_ int, cmd *exec.Cmd) error { return cmd.Start() },
	}
}

// hold keeps the second namespace until its parent is gone. It plugs its end of
// the cable in when it is told to, by a line, and answers with one.
func hold() error {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the cable: %w", err)
	}
	if err := plug("ha0peer", 1); err != nil {
		return err
	}
	fmt.Println("plugged")
	select {} // isolate has it killed with its parent
}

// enter joins the network namespace of pid and becomes the command.
func enter(pid string, argv []string) error {
	ns, err := unix.Open("/proc/"+pid+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the second namespace: %w", err)
	}
	if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the second namespace: %w", err)
	}
	return unix.Exec(argv[0], argv, os.Environ())
}

func self() string { return "/proc/self/exe" }
