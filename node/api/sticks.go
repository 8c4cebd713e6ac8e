package api

import (
	"context"

	"savoirs/node"
)

// Bodies of the requests about sticks. Dir is a folder of the node's machine.
type (
	stickRequest struct {
		Dir string `json:"dir"`
	}
	packRequest struct {
		Dir string `json:"dir"`
		node.PackOptions
	}
	bootstrapRequest struct {
		Dir    string `json:"dir"`
		Kit    string `json:"kit"` // folder with what deploy/bootstrap/build.sh gathers
		DryRun bool   `json:"dry_run,omitempty"`
	}
)

// sticks are the routes of what is carried by hand. All are for this machine
// only: what is plugged into it is nobody else's to see.
func (s *server) sticks() []route {
	n := s.node
	return []route{
		{"GET", "/sticks", true, reply(s, func(context.Context, nothing) ([]node.Drive, error) { return n.Drives() })},
		{"POST", "/sticks/inspect", true, reply(s, func(_ context.Context, q stickRequest) (node.StickInfo, error) { return node.InspectStick(q.Dir) })},
		{"POST", "/sticks/verify", true, stream(s, func(ctx context.Context, q stickRequest, p func(node.Progress)) (node.StickReport, error) {
			return node.VerifyStick(ctx, q.Dir, p)
		})},
		{"POST", "/sticks/plan", true, reply(s, func(ctx context.Context, q packRequest) (node.Plan, error) {
			return n.PlanStick(ctx, q.Dir, q.PackOptions)
		})},
		{"POST", "/sticks/pack", true, stream(s, func(ctx context.Context, q packRequest, p func(node.Progress)) (node.Packed, error) {
			return n.PackStick(ctx, q.Dir, q.PackOptions, p)
		})},
		{"POST", "/sticks/load", true, stream(s, func(ctx context.Context, q stickRequest, p func(node.Progress)) (node.Loaded, error) {
			return n.LoadStick(ctx, q.Dir, p)
		})},
		{"POST", "/sticks/bootstrap", true, stream(s, func(ctx context.Context, q bootstrapRequest, p func(node.Progress)) (node.Bootstrap, error) {
			if q.DryRun {
				return n.PlanBootstrap(ctx, q.Dir, q.Kit)
			}
			return n.PackBootstrap(ctx, q.Dir, q.Kit, p)
		})},
		{"GET", "/sticks/receipts", true, reply(s, func(ctx context.Context, _ nothing) ([]node.Receipt, error) { return n.StickReceipts(ctx) })},
		{"GET", "/mesh/map", true, reply(s, func(ctx context.Context, _ nothing) (node.Map, error) { return n.MeshMap(ctx) })},
		{"POST", "/sticks/eject", true, reply(s, func(ctx context.Context, q stickRequest) (node.Drive, error) { return n.Eject(ctx, q.Dir) })},
	}
}

// Drives lists what is plugged into the node's machine.
func (c *Client) Drives(ctx context.Context) ([]node.Drive, error) {
	return call[[]node.Drive](ctx, c, "GET", "/sticks", nil)
}

func (c *Client) InspectStick(ctx context.Context, dir string) (node.StickInfo, error) {
	return call[node.StickInfo](ctx, c, "POST", "/sticks/inspect", stickRequest{dir})
}

func (c *Client) VerifyStick(ctx context.Context, dir string, progress func(node.Progress)) (node.StickReport, error) {
	return follow[node.StickReport](ctx, c, "/sticks/verify", stickRequest{dir}, progress, nil)
}

func (c *Client) PlanStick(ctx context.Context, dir string, o node.PackOptions) (node.Plan, error) {
	return call[node.Plan](ctx, c, "POST", "/sticks/plan", packRequest{dir, o})
}

// PackStick ends early, whatever it had written, when ctx ends.
func (c *Client) PackStick(ctx context.Context, dir string, o node.PackOptions, progress func(node.Progress)) (node.Packed, error) {
	return follow[node.Packed](ctx, c, "/sticks/pack", packRequest{dir, o}, progress, nil)
}

// LoadStick ends early, and keeps what it had copied, when ctx ends.
func (c *Client) LoadStick(ctx context.Context, dir string, progress func(node.Progress)) (node.Loaded, error) {
	return follow[node.Loaded](ctx, c, "/sticks/load", stickRequest{dir}, progress, nil)
}

// PlanBootstrap tells what PackBootstrap would write.
func (c *Client) PlanBootstrap(ctx context.Context, dir, kit string) (node.Bootstrap, error) {
	return follow[node.Bootstrap](ctx, c, "/sticks/bootstrap", bootstrapRequest{dir, kit, true}, nil, nil)
}

func (c *Client) PackBootstrap(ctx context.Context, dir, kit string, progress func(node.Progress)) (node.Bootstrap, error) {
	return follow[node.Bootstrap](ctx, c, "/sticks/bootstrap", bootstrapRequest{dir, kit, false}, progress, nil)
}

func (c *Client) StickReceipts(ctx context.Context) ([]node.Receipt, error) {
	return call[[]node.Receipt](ctx, c, "GET", "/sticks/receipts", nil)
}

// Map is the mesh as the node knows it, with who met whom by stick.
func (c *Client) Map(ctx context.Context) (node.Map, error) {
	return call[node.Map](ctx, c, "GET", "/mesh/map", nil)
}

// Eject flushes and unmounts the drive that holds dir.
func (c *Client) Eject(ctx context.Context, dir string) (node.Drive, error) {
	return call[node.Drive](ctx, c, "POST", "/sticks/eject", stickRequest{dir})
}
