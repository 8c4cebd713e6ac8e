package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// rsyncDaemon serves the folder at path, read only, on ip and a free port; url
// is where.
func rsyncDaemon(ctx context.Context, at place, path, dir string) (p *process, url string, err error) {
	if _, err := exec.LookPath("rsync"); err != nil {
		return nil, "", absent("rsync is not here: deploy/bench/peers.sh")
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	conf := filepath.Join(dir, "rsyncd.conf")
	text := fmt.Sprintf("address = %s\nport = %d\nuse chroot = no\nuid = %d\ngid = %d\nlog file = /dev/null\nlock file = %s/lock\n[data]\npath = %s\n",
		at.ip, port, os.Getuid(), os.Getgid(), dir, path)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	if p, err = at.start(nil, "rsync", "--daemon", "--no-detach", "--config", conf); err != nil {
		return nil, "", err
	}
	url = fmt.Sprintf("rsync://%s:%d/data/", at.ip, port)
	err = until(ctx, func() (bool, error) {
		_, _, err := at.run(ctx, "rsync", url)
		return err == nil, errors.Join(p.ended(), ctx.Err())
	})
	if err != nil {
		p.stop()
		return nil, "", err
	}
	return p, url, nil
}

// rsyncFetch times rsync from its daemon, and the flush that makes the copy as
// durable as ours.
func (b *bench) rsyncFetch(ctx context.Context, way road, path, dir string) (sample, error) {
	server, url, err := rsyncDaemon(ctx, way.from, path, dir)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	to := filepath.Join(dir, "copy")
	before, start := server.used(), time.Now()
	_, client, err := way.to.run(ctx, "rsync", "-a", "--whole-file", "--inplace", url, to+"/")
	if err != nil {
		return nil, err
	}
	if err := flushDisk(to); err != nil {
		return nil, err
	}
	return timed(start, client.and(server.used().since(before))), sameFiles(path, to)
}

// freePort is a TCP port of the loopback that is free now.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
