package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// content is one entry of a package.
type content struct {
	Src  string    `json:"src,omitempty"`
	Dst  string    `json:"dst"`
	Type string    `json:"type,omitempty"`
	Info *fileInfo `json:"file_info,omitempty"`
}

type fileInfo struct {
	Mode  int       `json:"mode,omitempty"`
	Owner string    `json:"owner,omitempty"`
	Group string    `json:"group,omitempty"`
	MTime time.Time `json:"mtime"`
}

// spec is nfpm's configuration; JSON is YAML.
type spec struct {
	Name        string            `json:"name"`
	Arch        string            `json:"arch"`
	Version     string            `json:"version"`
	Schema      string            `json:"version_schema"`
	Section     string            `json:"section"`
	Priority    string            `json:"priority"`
	Maintainer  string            `json:"maintainer"`
	Description string            `json:"description"`
	License     string            `json:"license"`
	MTime       time.Time         `json:"mtime"`
	Contents    []content         `json:"contents"`
	Scripts     map[string]string `json:"scripts"`
	Deb         map[string]any    `json:"deb,omitempty"`
	IPK         map[string]any    `json:"ipk,omitempty"`
	APK         map[string]any    `json:"apk,omitempty"`
}

const description = `HA readiness of a Socket and its peer
 Tells whether the two Sockets of an HA site would survive a failover, what is
 wrong if not, and what to do. Advises only; never starts or stops a failover.`

// pack makes the three packages of an architecture.
func (r *release) pack(ctx context.Context, binary string, t target) error {
	stage, err := r.stageScripts()
	if err != nil {
		return err
	}
	r.stage = stage
	defer func() { _ = os.RemoveAll(stage) }()
	for _, p := range []struct {
		format, file string
		spec         spec
	}{
		{"deb", r.file(t.deb) + ".deb", r.debian(binary, t)},
		{"ipk", r.file(t.openwrt) + ".ipk", r.openwrt(binary, "ipk", t)},
		{"apk", r.file(t.openwrt) + ".apk", r.openwrt(binary, "apk", t)},
	} {
		if err := r.nfpmPackage(ctx, p.format, p.file, p.spec); err != nil {
			return fmt.Errorf("%s: %w", p.format, err)
		}
	}
	return nil
}

// debian is a package for systems with systemd.
func (r *release) debian(binary string, t target) spec {
	s := r.common(binary, "deb")
	s.Arch = t.deb
	s.Contents = append(s.Contents,
		r.shipped("scripts/service/systemd/socketha.service", "/usr/lib/systemd/system/socketha.service", 0o644),
		r.shipped("scripts/service/systemd/sysusers.conf", "/usr/lib/sysusers.d/socketha.conf", 0o644),
		r.shipped("LICENSE", "/usr/share/doc/socketha/copyright", 0o644),
		content{Dst: "/etc/socketha", Type: "dir", Info: &fileInfo{Mode: 0o755, MTime: r.at}},
	)
	s.Contents = append(s.Contents, r.manual...)
	s.Scripts = r.scripts("deb", "postinstall", "preremove", "postremove")
	s.Deb = map[string]any{"arch": t.deb, "compression": "xz"}
	return s
}

// openwrt is a package for systems with procd and UCI, for opkg and for apk.
func (r *release) openwrt(binary, format string, t target) spec {
	s := r.common(binary, format)
	s.Arch = t.openwrt
	config := r.shipped("scripts/service/openwrt/socketha.config", "/etc/config/socketha", 0o600)
	config.Type = "config|noreplace"
	s.Contents = append(s.Contents,
		config,
		r.shipped("scripts/service/openwrt/socketha.init", "/etc/init.d/socketha", 0o755),
		r.shipped("scripts/service/openwrt/keep.d", "/lib/upgrade/keep.d/socketha", 0o644),
	)
	s.Scripts = r.scripts("openwrt", "postinstall", "preremove")
	s.IPK = map[string]any{"arch": t.openwrt, "auto_installed": false}
	s.APK = map[string]any{"arch": t.openwrt, "scripts": map[string]string{"postupgrade": filepath.Join(r.stage, "openwrt", "postinstall")}}
	return s
}

func (r *release) common(binary, format string) spec {
	return spec{
		Name: "socketha", Version: packageVersion(r.version, format, r.at), Schema: "none", Section: "net", Priority: "optional",
		Maintainer: "socketha maintainers <maintainers@localhost>", Description: description, License: "Apache-2.0", MTime: r.at,
		Contents: []content{
			{Src: binary, Dst: "/usr/bin/socketha", Info: &fileInfo{Mode: 0o755, Owner: "root", Group: "root", MTime: r.at}},
			r.shipped("agent/config/sample.toml", "/usr/share/doc/socketha/socketha.toml", 0o644),
			r.shipped("scripts/service/alerts.yml", "/usr/share/doc/socketha/alerts.yml", 0o644),
		},
	}
}

func (r *release) path(name string) string { return filepath.Join(r.root, filepath.FromSlash(name)) }

func (r *release) shipped(src, dst string, mode int) content {
	return content{Src: r.path(src), Dst: dst, Info: &fileInfo{Mode: mode, Owner: "root", Group: "root", MTime: r.at}}
}

func (r *release) scripts(of string, names ...string) map[string]string {
	all := make(map[string]string)
	for _, name := range names {
		all[name] = filepath.Join(r.stage, of, name)
	}
	return all
}

// stageScripts copies the packages' scripts to a folder of their own, with the time
// of the commit: nfpm takes the times of its scripts from their files.
func (r *release) stageScripts() (string, error) {
	stage, err := os.MkdirTemp("", "socketha-scripts-")
	if err != nil {
		return "", err
	}
	sources, err := filepath.Glob(r.path("scripts/dist") + "/*/*install")
	if err != nil {
		return "", err
	}
	removes, err := filepath.Glob(r.path("scripts/dist") + "/*/*remove")
	if err != nil {
		return "", err
	}
	for _, source := range append(sources, removes...) {
		of, name := filepath.Base(filepath.Dir(source)), filepath.Base(source)
		data, err := os.ReadFile(source)
		if err != nil {
			return "", err
		}
		path := filepath.Join(stage, of, name)
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o755), os.Chtimes(path, r.at, r.at))
		if err != nil {
			return "", err
		}
	}
	return stage, nil
}

func (r *release) nfpmPackage(ctx context.Context, format, file string, s spec) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	config, err := os.CreateTemp("", "socketha-nfpm-*.yaml")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(config.Name()) }()
	if _, err := config.Write(text); err != nil {
		return err
	}
	if err := config.Close(); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, r.nfpm[0], append(r.nfpm[1:], "package", "--config", config.Name(), "--packager", format, "--target", file)...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.at.Unix(), 10))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nfpm: %w\n%s", err, out)
	}
	return nil
}
