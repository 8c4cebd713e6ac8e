package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kuboNode is one kubo in a repository of its own, which knows nobody but whom
// it is told of.
type kuboNode struct {
	b    *bench
	at   place
	repo string
	*process
}

// Ways to cut files, as arguments of `ipfs add`.
var (
	kuboDefault = []string{}
	kuboMiB     = []string{"--chunker=size-1048576", "--cid-version=1", "--raw-leaves"}
)

// kuboRepo makes a repository whose daemon speaks TCP only, as its faster way,
// and looks for nobody.
func (b *bench) kuboRepo(ctx context.Context, repo string) (*kuboNode, error) {
	if _, err := os.Stat(b.kubo); err != nil {
		return nil, absent("kubo is not here: deploy/bench/peers.sh kubo")
	}
	k := &kuboNode{b: b, at: here, repo: repo}
	if _, _, err := k.cli(ctx, "init", "--empty-repo", "--profile=test"); err != nil {
		return nil, err
	}
	for key, value := range map[string]any{
		"Addresses.API":                 "/ip4/127.0.0.1/tcp/0",
		"Addresses.Gateway":             []string{},
		"Bootstrap":                     []string{},
		"Discovery.MDNS.Enabled":        false,
		"Routing.Type":                  "none",
		"AutoConf.Enabled":              false,
		"AutoTLS.Enabled":               false,
		"Swarm.DisableNatPortMap":       true,
		"Swarm.RelayClient.Enabled":     false,
		"Swarm.Transports.Network.QUIC": false,
		"Provide.Enabled":               false,
		"Experimental.FilestoreEnabled": true,
	} {
		if err := k.configure(ctx, key, value); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *kuboNode) configure(ctx context.Context, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, _, err = k.cli(ctx, "config", "--json", key, string(text))
	return err
}

// cli runs an ipfs command: through the daemon when there is one.
func (k *kuboNode) cli(ctx context.Context, args ...string) (string, usage, error) {
	out, u, err := k.at.runEnv(ctx, k.env(), k.b.kubo, args...)
	return strings.TrimSpace(string(out)), u, err
}

func (k *kuboNode) env() []string { return []string{"IPFS_PATH=" + k.repo, "IPFS_TELEMETRY=off"} }

// serve starts the daemon, on a free port, and waits until it answers.
func (k *kuboNode) serve(ctx context.Context, at place) (err error) {
	if err := k.configure(ctx, "Addresses.Swarm", []string{"/ip4/" + at.ip + "/tcp/0"}); err != nil {
		return err
	}
	k.at = at
	if k.process, err = at.start(k.env(), k.b.kubo, "daemon"); err != nil {
		return err
	}
	err = until(ctx, func() (bool, error) {
		if err := k.ended(); err != nil {
			return false, err
		}
		_, err := os.Stat(filepath.Join(k.repo, "api"))
		return err == nil && strings.Contains(k.out.String(), "Daemon is ready"), nil
	})
	if err != nil {
		k.stop()
	}
	return err
}

// meet connects k to o.
func (k *kuboNode) meet(ctx context.Context, o *kuboNode) error {
	out, _, err := o.cli(ctx, "id", "-f", "<addrs>")
	if err != nil {
		return err
	}
	_, _, err = k.cli(ctx, "swarm", "connect", strings.Fields(out)[0])
	return err
}

// kuboHolder is a repository that holds what is at path, cut as said.
func (b *bench) kuboHolder(ctx context.Context, path string, cut []string) (repo, root string, err error) {
	repo, err = b.prepare(fmt.Sprint("kubo with ", path, cut), func(dir string) error {
		k, err := b.kuboRepo(ctx, dir)
		if err != nil {
			return err
		}
		root, _, err := k.cli(ctx, append([]string{"add", "-Q", "-r", path}, cut...)...)
		b.roots[dir] = root
		return err
	})
	return repo, b.roots[repo], err
}
