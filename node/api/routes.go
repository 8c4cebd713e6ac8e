package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"savoirs/node"
	"savoirs/p2p"
)

// A route is one thing that can be asked of a node. Those that change it are
// accepted from this machine only.
type route struct {
	method, path string
	changes      bool
	serve        http.HandlerFunc
}

// Bodies of requests; answers are the types of package node.
type (
	addRequest struct {
		Path string `json:"path"` // on the node's machine
		node.AddOptions
	}
	importRequest struct {
		Path string `json:"path"`
		node.ImportOptions
	}
	verifyRequest struct {
		Ref    string `json:"ref,omitempty"`
		Repair bool   `json:"repair,omitempty"`
	}
	refRequest struct {
		Ref string `json:"ref"`
	}
	publishRequest struct {
		Ref string `json:"ref"`
		node.PublishOptions
	}
	pinRequest struct {
		Ref    string `json:"ref"`
		Copies int    `json:"copies,omitempty"` // wanted in the mesh, 0 leaves that as it is
	}
	pledgeRequest struct {
		Bytes int64    `json:"bytes"`         // 0 ends the pledge
		For   []string `json:"for,omitempty"` // "all", "territory", or ids and names of nodes; none: as before
	}
	textRequest struct {
		Text string `json:"text"` // the identity of a node
	}
	joinRequest struct {
		Text  string `json:"text"` // an address or an invite
		Force bool   `json:"force,omitempty"`
	}
	nothing struct{}
)

func (s *server) routes() []route {
	n := s.node
	return append([]route{
		{"GET", "/status", false, s.status},
		{"GET", "/items", false, reply(s, func(ctx context.Context, _ nothing) ([]node.Item, error) { return n.List(ctx) })},
		{"POST", "/items/show", false, reply(s, func(ctx context.Context, q refRequest) (node.Detail, error) { return n.Show(ctx, q.Ref) })},
		{"POST", "/items/add", true, stream(s, func(ctx context.Context, q addRequest, p func(node.Progress)) (node.Item, error) {
			return n.Add(ctx, q.Path, q.AddOptions, p)
		})},
		{"POST", "/items/publish", true, reply(s, func(ctx context.Context, q publishRequest) (node.Publication, error) {
			return n.Publish(ctx, q.Ref, q.PublishOptions)
		})},
		{"POST", "/items/pull", true, stream(s, func(ctx context.Context, q refRequest, p func(node.Progress)) (node.Item, error) {
			return n.Pull(ctx, q.Ref, p)
		})},
		{"POST", "/items/remove", true, reply(s, func(ctx context.Context, q refRequest) (node.Item, error) { return n.Remove(ctx, q.Ref) })},
		{"POST", "/items/verify", true, stream(s, func(ctx context.Context, q verifyRequest, p func(node.Progress)) (node.Verification, error) {
			return n.Verify(ctx, q.Ref, q.Repair, p)
		})},
		{"POST", "/items/pin", true, reply(s, func(ctx context.Context, q pinRequest) (node.Item, error) { return n.Pin(ctx, q.Ref, q.Copies) })},
		{"POST", "/items/unpin", true, reply(s, func(ctx context.Context, q refRequest) (node.Item, error) { return n.Unpin(ctx, q.Ref) })},
		{"GET", "/pledge", false, reply(s, func(context.Context, nothing) (node.Pledge, error) { return n.Pledge() })},
		{"POST", "/pledge", true, reply(s, func(_ context.Context, q pledgeRequest) (node.Pledge, error) { return n.SetPledge(q.Bytes, q.For) })},
		{"POST", "/search", false, reply(s, n.Search)},
		{"GET", "/passages/{root}/{number}", false, s.passage},
		{"POST", "/ask", false, events(s, n.Ask)},
		{"POST", "/answers/forget", true, reply(s, func(ctx context.Context, _ nothing) (nothing, error) { return nothing{}, n.ForgetAnswers(ctx) })},
		{"GET", "/mesh/id", false, reply(s, func(context.Context, nothing) (node.MeshID, error) { return n.ID(), nil })},
		{"GET", "/mesh/peers", false, reply(s, func(context.Context, nothing) ([]node.Peer, error) { return n.Peers(), nil })},
		{"POST", "/mesh/join", true, reply(s, func(ctx context.Context, q joinRequest) (node.Peer, error) {
			return n.Join(ctx, q.Text, q.Force)
		})},
		{"POST", "/mesh/close", true, reply(s, func(context.Context, nothing) (node.Invite, error) { return n.CloseMesh() })},
		{"POST", "/mesh/open", true, reply(s, func(context.Context, nothing) (node.Invite, error) { return n.OpenMesh() })},
		// An invite may carry the key of a closed mesh, so it is told to this machine only.
		{"POST", "/mesh/invite", true, reply(s, func(context.Context, nothing) (node.Invite, error) { return n.Invite(), nil })},
		{"POST", "/mesh/block", true, reply(s, func(_ context.Context, q textRequest) (nothing, error) { return nothing{}, n.Block(q.Text) })},
		{"POST", "/mesh/unblock", true, reply(s, func(_ context.Context, q textRequest) (nothing, error) { return nothing{}, n.Unblock(q.Text) })},
		{"POST", "/mesh/why", false, reply(s, func(_ context.Context, q textRequest) ([]node.Record, error) { return n.Why(q.Text) })},
		{"GET", "/mesh/limits", false, reply(s, func(context.Context, nothing) (node.Line, error) { return n.Line(), nil })},
		{"POST", "/mesh/limits", true, reply(s, func(_ context.Context, q p2p.Limits) (node.Line, error) { return n.SetLimits(q) })},
		{"GET", "/models", false, reply(s, func(ctx context.Context, _ nothing) ([]node.Model, error) { return n.Models(ctx) })},
		{"POST", "/models/import", true, stream(s, func(ctx context.Context, q importRequest, p func(node.Progress)) (node.Model, error) {
			return n.ImportModel(ctx, q.Path, q.ImportOptions, p)
		})},
		{"POST", "/models/use", true, stream(s, func(ctx context.Context, q refRequest, p func(node.Progress)) (node.Model, error) {
			return n.UseModel(ctx, q.Ref, p)
		})},
		{"POST", "/adapters/import", true, stream(s, func(ctx context.Context, q importRequest, p func(node.Progress)) (node.Item, error) {
			return n.ImportAdapter(ctx, q.Path, q.ImportOptions, p)
		})},
		{"POST", "/adapters/check", false, reply(s, func(ctx context.Context, q refRequest) (node.Check, error) { return n.CheckAdapter(ctx, q.Ref) })},
	}, slices.Concat(s.sticks(), s.inbox())...)
}

// passage opens a passage in its document, a private one for this machine only.
func (s *server) passage(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		s.fail(w, &Error{Code: string(node.Usage), Message: "a passage is named by its number"})
		return
	}
	reply(s, func(ctx context.Context, _ nothing) (node.Opened, error) {
		return s.node.OpenPassage(ctx, r.PathValue("root"), number, fromHere(r))
	})(w, r)
}

// status tells how the node is; what is plugged is no concern of other machines.
func (s *server) status(w http.ResponseWriter, r *http.Request) {
	reply(s, func(ctx context.Context, _ nothing) (node.Status, error) {
		st, err := s.node.Status(ctx)
		st.HTTP = s.o.Addr
		if !fromHere(r) {
			st.Drives = nil
		}
		return st, err
	})(w, r)
}
