package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"savoirs/node"
	"savoirs/p2p"
	"savoirs/rag"
)

// Client calls a node. Its methods are the node's gestures; their errors are
// an *Error, ErrNotRunning, or the context's.
type Client struct {
	base string
	http *http.Client
}

// NewClient calls the node that listens on addr ("127.0.0.1:7117" or a URL).
func NewClient(addr string) *Client {
	if !strings.Contains(addr, "://") {
		addr = "http://" + addr
	}
	return &Client{base: strings.TrimSuffix(addr, "/") + Prefix, http: &http.Client{}}
}

func (c *Client) Status(ctx context.Context) (node.Status, error) {
	return call[node.Status](ctx, c, "GET", "/status", nil)
}

func (c *Client) List(ctx context.Context) ([]node.Item, error) {
	return call[[]node.Item](ctx, c, "GET", "/items", nil)
}

func (c *Client) Show(ctx context.Context, ref string) (node.Detail, error) {
	return call[node.Detail](ctx, c, "POST", "/items/show", refRequest{ref})
}

func (c *Client) Add(ctx context.Context, path string, o node.AddOptions, progress func(node.Progress)) (node.Item, error) {
	return follow[node.Item](ctx, c, "/items/add", addRequest{path, o}, progress, nil)
}

// OpenPassage shows a passage of an item on the node in its document.
func (c *Client) OpenPassage(ctx context.Context, root string, number int) (node.Opened, error) {
	return call[node.Opened](ctx, c, "GET", fmt.Sprintf("/passages/%s/%d", url.PathEscape(root), number), nil)
}

func (c *Client) Publish(ctx context.Context, ref string, o node.PublishOptions) (node.Publication, error) {
	return call[node.Publication](ctx, c, "POST", "/items/publish", publishRequest{ref, o})
}

func (c *Client) Pull(ctx context.Context, ref string, progress func(node.Progress)) (node.Item, error) {
	return follow[node.Item](ctx, c, "/items/pull", refRequest{ref}, progress, nil)
}

func (c *Client) Remove(ctx context.Context, ref string) (node.Item, error) {
	return call[node.Item](ctx, c, "POST", "/items/remove", refRequest{ref})
}

// Pin keeps an item on the node, and wants so many copies of it in the mesh if
// copies is not 0.
func (c *Client) Pin(ctx context.Context, ref string, copies int) (node.Item, error) {
	return call[node.Item](ctx, c, "POST", "/items/pin", pinRequest{ref, copies})
}

func (c *Client) Unpin(ctx context.Context, ref string) (node.Item, error) {
	return call[node.Item](ctx, c, "POST", "/items/unpin", refRequest{ref})
}

func (c *Client) Pledge(ctx context.Context) (node.Pledge, error) {
	return call[node.Pledge](ctx, c, "GET", "/pledge", nil)
}

// SetPledge lends bytes of the node's disk to "all", to its "territory" or to
// nodes by their ids or names; with none named to those of before.
func (c *Client) SetPledge(ctx context.Context, bytes int64, whom []string) (node.Pledge, error) {
	return call[node.Pledge](ctx, c, "POST", "/pledge", pledgeRequest{bytes, whom})
}

func (c *Client) Verify(ctx context.Context, ref string, repair bool, progress func(node.Progress)) (node.Verification, error) {
	return follow[node.Verification](ctx, c, "/items/verify", verifyRequest{ref, repair}, progress, nil)
}

func (c *Client) Search(ctx context.Context, q node.Question) (rag.Results, error) {
	return call[rag.Results](ctx, c, "POST", "/search", q)
}

func (c *Client) Ask(ctx context.Context, q node.Question, emit func(rag.Event) error) (rag.Answer, error) {
	return follow[rag.Answer](ctx, c, "/ask", q, nil, func(b json.RawMessage) error {
		var e rag.Event
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		return emit(e)
	})
}

// ForgetAnswers empties the answers that the node keeps.
func (c *Client) ForgetAnswers(ctx context.Context) error {
	_, err := call[nothing](ctx, c, "POST", "/answers/forget", nothing{})
	return err
}

func (c *Client) ID(ctx context.Context) (node.MeshID, error) {
	return call[node.MeshID](ctx, c, "GET", "/mesh/id", nil)
}

func (c *Client) Peers(ctx context.Context) ([]node.Peer, error) {
	return call[[]node.Peer](ctx, c, "GET", "/mesh/peers", nil)
}

// Invite makes an invite to the node, on its own machine only.
func (c *Client) Invite(ctx context.Context) (node.Invite, error) {
	return call[node.Invite](ctx, c, "POST", "/mesh/invite", nothing{})
}

// Join takes an invite or an address. With force, a node in one closed mesh
// goes over to another.
func (c *Client) Join(ctx context.Context, text string, force bool) (node.Peer, error) {
	return call[node.Peer](ctx, c, "POST", "/mesh/join", joinRequest{text, force})
}

func (c *Client) CloseMesh(ctx context.Context) (node.Invite, error) {
	return call[node.Invite](ctx, c, "POST", "/mesh/close", nothing{})
}

func (c *Client) OpenMesh(ctx context.Context) (node.Invite, error) {
	return call[node.Invite](ctx, c, "POST", "/mesh/open", nothing{})
}

func (c *Client) Block(ctx context.Context, id string) error {
	_, err := call[nothing](ctx, c, "POST", "/mesh/block", textRequest{id})
	return err
}

func (c *Client) Unblock(ctx context.Context, id string) error {
	_, err := call[nothing](ctx, c, "POST", "/mesh/unblock", textRequest{id})
	return err
}

// Why tells what the node holds against a peer, or with no id against all.
func (c *Client) Why(ctx context.Context, id string) ([]node.Record, error) {
	return call[[]node.Record](ctx, c, "POST", "/mesh/why", textRequest{id})
}

// Line tells how much of the line the mesh may use and has used.
func (c *Client) Line(ctx context.Context) (node.Line, error) {
	return call[node.Line](ctx, c, "GET", "/mesh/limits", nil)
}

// SetLimits replaces all limits.
func (c *Client) SetLimits(ctx context.Context, l p2p.Limits) (node.Line, error) {
	return call[node.Line](ctx, c, "POST", "/mesh/limits", l)
}

func (c *Client) Models(ctx context.Context) ([]node.Model, error) {
	return call[[]node.Model](ctx, c, "GET", "/models", nil)
}

func (c *Client) ImportModel(ctx context.Context, path string, o node.ImportOptions, progress func(node.Progress)) (node.Model, error) {
	return follow[node.Model](ctx, c, "/models/import", importRequest{path, o}, progress, nil)
}

func (c *Client) UseModel(ctx context.Context, ref string, progress func(node.Progress)) (node.Model, error) {
	return follow[node.Model](ctx, c, "/models/use", refRequest{ref}, progress, nil)
}

func (c *Client) ImportAdapter(ctx context.Context, path string, o node.ImportOptions, progress func(node.Progress)) (node.Item, error) {
	return follow[node.Item](ctx, c, "/adapters/import", importRequest{path, o}, progress, nil)
}

func (c *Client) CheckAdapter(ctx context.Context, ref string) (node.Check, error) {
	return call[node.Check](ctx, c, "POST", "/adapters/check", refRequest{ref})
}

// call asks for one JSON value.
func call[A any](ctx context.Context, c *Client, method, path string, q any) (A, error) {
	var a A
	resp, err := c.send(ctx, method, path, q)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return a, fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return a, nil
}

// maxLine bounds one line of a stream: an answer with its passages.
const maxLine = 16 << 20

// follow reads a stream to its result, handing progress and events on.
func follow[A any](ctx context.Context, c *Client, path string, q any, progress func(node.Progress), event func(json.RawMessage) error) (A, error) {
	var a A
	resp, err := c.send(ctx, "POST", path, q)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return a, fmt.Errorf("read the answer to %s: %w", path, err)
		}
		switch {
		case l.Error != nil:
			return a, l.Error
		case l.Result != nil:
			return a, json.Unmarshal(l.Result, &a)
		case l.Progress != nil && progress != nil:
			progress(*l.Progress)
		case l.Event != nil && event != nil:
			if err := event(l.Event); err != nil {
				return a, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return a, err
	}
	return a, errors.Join(fmt.Errorf("%s: %w", path, ErrCut), lines.Err())
}

// ErrCut says that the node stopped before it had answered. What it
// acknowledged is safe.
var ErrCut = errors.New("the node stopped before the end of its answer")

func (c *Client) send(ctx context.Context, method, path string, q any) (*http.Response, error) {
	var body io.Reader
	if q != nil {
		b, err := json.Marshal(q)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	var dial *net.OpError
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusOK:
		return resp, nil
	}
	defer resp.Body.Close()
	var l line
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxLine)).Decode(&l); err != nil || l.Error == nil {
		return nil, fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil, l.Error
}
