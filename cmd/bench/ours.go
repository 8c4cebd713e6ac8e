package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"savoirs/node"
)

// savoirsNode is one real node: our program serving a data directory, told what
// to do by its own commands.
type savoirsNode struct {
	b    *bench
	at   place
	data string
	*process
}

// startNode serves the node in data, made if need be, and waits until it
// answers. listen are multiaddrs of the mesh; flags are more of `serve`.
func (b *bench) startNode(ctx context.Context, at place, data string, flags ...string) (*savoirsNode, error) {
	n := &savoirsNode{b: b, at: at, data: data}
	if _, err := os.Stat(filepath.Join(data, "identity.key")); err != nil {
		if _, _, err := n.cli(ctx, "init", "--lang", "fr", "--territory", "bench"); err != nil {
			return nil, err
		}
	}
	args := append([]string{"serve", "--data", data, "--http", "127.0.0.1:0", "--engine", "none", "--ollama-host", "none"}, flags...)
	var err error
	if n.process, err = at.start(nil, b.savoirs, args...); err != nil {
		return nil, err
	}
	err = until(ctx, func() (bool, error) {
		if err := n.ended(); err != nil {
			return false, err
		}
		_, _, err := n.cli(ctx, "status")
		return err == nil, ctx.Err()
	})
	if err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

// cli runs one of our commands against the node.
func (n *savoirsNode) cli(ctx context.Context, args ...string) ([]byte, usage, error) {
	return n.at.run(ctx, n.b.savoirs, append([]string{"--data", n.data, "--json", "-q"}, args...)...)
}

// ask runs a command and reads its answer into v.
func (n *savoirsNode) ask(ctx context.Context, v any, args ...string) error {
	out, _, err := n.cli(ctx, args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("read the answer to %s: %w", args[0], err)
	}
	return nil
}

// publish adds what is at path and publishes it; it returns the root.
func (n *savoirsNode) publish(ctx context.Context, path string) (string, error) {
	var it node.Item
	if err := n.ask(ctx, &it, "add", path); err != nil {
		return "", err
	}
	_, _, err := n.cli(ctx, "publish", "--yes", it.Root)
	return it.Root, err
}

// meet makes n a neighbour of o.
func (n *savoirsNode) meet(ctx context.Context, o *savoirsNode) error {
	var invite node.Invite
	if err := o.ask(ctx, &invite, "mesh", "invite"); err != nil {
		return err
	}
	_, _, err := n.cli(ctx, "mesh", "join", invite.Text)
	return err
}

// offered waits until the node knows that the mesh offers root.
func (n *savoirsNode) offered(ctx context.Context, root string) error {
	return until(ctx, func() (bool, error) {
		it, err := n.item(ctx, root)
		return it.Root != "", err
	})
}

// item is what the node knows of root, empty when nothing.
func (n *savoirsNode) item(ctx context.Context, root string) (node.Item, error) {
	var items []node.Item
	if err := n.ask(ctx, &items, "list"); err != nil {
		return node.Item{}, err
	}
	for _, it := range items {
		if it.Root == root {
			return it, nil
		}
	}
	return node.Item{}, nil
}

// peers is how many neighbours the node has.
func (n *savoirsNode) peers(ctx context.Context) (int, error) {
	var peers []node.Peer
	err := n.ask(ctx, &peers, "peers")
	return len(peers), err
}

// holder is a data directory whose node has published what is at path.
func (b *bench) holder(ctx context.Context, path string) (data, root string, err error) {
	data, err = b.prepare("a node with "+path, func(dir string) error {
		n, err := b.startNode(ctx, here, dir, "--local")
		if err != nil {
			return err
		}
		defer n.stop()
		root, err := n.publish(ctx, path)
		b.roots[dir] = root
		return err
	})
	return data, b.roots[data], err
}

// copyOf is a data directory of another node, the n-th, that has pulled what
// holder published.
func (b *bench) copyOf(ctx context.Context, path string, n int) (string, error) {
	data, root, err := b.holder(ctx, path)
	if err != nil {
		return "", err
	}
	return b.prepare(fmt.Sprint("copy ", n, " of ", path), func(dir string) error {
		from, err := b.startNode(ctx, here, data, "--local")
		if err != nil {
			return err
		}
		defer from.stop()
		_, err = b.pullFrom(ctx, loopback, path, root, dir, nil, from)
		return err
	})
}
