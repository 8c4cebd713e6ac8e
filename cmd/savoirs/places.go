package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// places are where this process finds its directories. The zero value with an
// env looks at the real machine; tests set root.
type places struct {
	env  func(string) string
	root string // put before /var/lib and /etc
	home string
}

// data is the data directory when no flag, variable or file names one: the
// service's when this process is the service or owns it, else the user's.
func (p places) data() string {
	service := p.root + "/var/lib/savoirs"
	if p.env("STATE_DIRECTORY") == service || owned(service) {
		return service
	}
	if xdg := p.env("XDG_DATA_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "savoirs")
	}
	return filepath.Join(p.home, ".local", "share", "savoirs")
}

// configs are the configuration files to look for, the nearest first.
func (p places) configs(data string) []string {
	user := p.env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(user) {
		user = filepath.Join(p.home, ".config")
	}
	return []string{
		filepath.Join(data, "config.toml"),
		filepath.Join(user, "savoirs", "config.toml"),
		p.root + "/etc/savoirs/config.toml",
	}
}

// owned says whether dir exists and belongs to the user of this process.
func owned(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
