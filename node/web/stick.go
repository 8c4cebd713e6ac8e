package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"savoirs/node"
)

// Carrier is the part of a node that reads and writes sticks; *node.Node is one.
type Carrier interface {
	Drives() ([]node.Drive, error)
	Eject(ctx context.Context, dir string) (node.Drive, error)
	MeshMap(ctx context.Context) (node.Map, error)
	PlanStick(ctx context.Context, dir string, o node.PackOptions) (node.Plan, error)
	PackStick(ctx context.Context, dir string, o node.PackOptions, progress func(node.Progress)) (node.Packed, error)
	LoadStick(ctx context.Context, dir string, progress func(node.Progress)) (node.Loaded, error)
}

// sticks is the page of what is plugged in.
type sticks struct {
	page
	Drives  []plugged
	Job     job
	Removed string // label of a drive that may be removed now
	Fault   string
}

// plugged is a drive and what is on it.
type plugged struct {
	node.Drive
	Info  *node.StickInfo
	Fault string
}

// Percent is how far the work has come, 0 while that is not known.
func (s sticks) Percent() int64 {
	if s.Job.Progress.Total <= 0 {
		return 0
	}
	return 100 * s.Job.Progress.Done / s.Job.Progress.Total
}

// Waiting counts the items that wait for a person's yes.
func (s sticks) Waiting() int {
	n := 0
	for _, it := range s.Job.Loaded.Items {
		if it.State == node.Waits {
			n++
		}
	}
	return n
}

// stick shows the plugged drives, and what is being done with one: without a
// script the page asks for itself again until that is done.
func (s *site) stick(w http.ResponseWriter, r *http.Request) {
	s.showSticks(w, r, http.StatusOK, sticks{Removed: r.URL.Query().Get("removed")})
}

func (s *site) showSticks(w http.ResponseWriter, r *http.Request, status int, p sticks) {
	p.page, p.Job = s.page(w, r), s.work.look()
	p.Title = p.T("stick") + " · " + p.T("title")
	if p.Job.Err != nil && p.Fault == "" {
		p.Fault = s.stickFault(p.page, p.Job.Err)
	}
	if p.Job.Running {
		w.Header().Set("Refresh", "2")
		start(w, status)
		s.show(w, "working", p)
		return
	}
	drives, err := s.node.Drives()
	if err != nil {
		s.o.Log.Warn("drives for a page", "err", err)
	}
	for _, d := range drives {
		one := plugged{Drive: d}
		if d.Stick {
			if info, err := node.InspectStick(d.Dir); err == nil {
				one.Info = &info
			} else if reason, _ := node.ReasonOf(err); reason != node.NoStick {
				one.Fault = s.stickFault(p.page, err)
			}
		}
		p.Drives = append(p.Drives, one)
	}
	start(w, status)
	s.show(w, "stick", p)
}

// stickFault says what happened, what is safe and what to do.
func (s *site) stickFault(p page, err error) string {
	s.o.Log.Info("work with a stick for a page", "err", err)
	if errors.Is(err, errWorking) {
		return p.T("stick_working")
	}
	reason, args := node.ReasonOf(err)
	given := []any{"detail", err.Error(), "subject", p.T("stick_this")}
	for name, value := range args {
		given = append(given, name, p.amount(value))
	}
	key, text := "error."+string(reason), ""
	for _, part := range []string{".what", ".safe"} {
		if p.Has(key + part) {
			text += p.Say(key+part, given...) + " "
		}
	}
	return text
}

// drive is the plugged drive that a form names. No other folder of this machine
// can be read or written by a page.
func (s *site) drive(r *http.Request) (node.Drive, error) {
	drives, err := s.node.Drives()
	if err != nil {
		return node.Drive{}, err
	}
	i := slices.IndexFunc(drives, func(d node.Drive) bool { return d.Dir == r.FormValue("dir") })
	if i < 0 {
		return node.Drive{}, node.ErrNotFound
	}
	return drives[i], nil
}

// preparing is the page that says what would be written, and for whom.
type preparing struct {
	page
	Drive  node.Drive
	Plan   node.Plan
	Nodes  []destination
	Chosen bool // somebody is chosen: what would be written is known
}

// destination is a node that a stick may be packed for.
type destination struct {
	node.Destination
	Chosen bool
}

func (s *site) prepareStick(w http.ResponseWriter, r *http.Request) {
	d, err := s.drive(r)
	if err != nil {
		s.showSticks(w, r, http.StatusNotFound, sticks{})
		return
	}
	p := preparing{page: s.page(w, r), Drive: d}
	p.Title = p.T("stick_prepare") + " · " + p.T("title")
	o := packOptions(r)
	nodes, all, err := s.destinations(r.Context(), d.Dir)
	if p.Chosen = len(o.For) > 0 || o.All; err == nil && p.Chosen {
		p.Plan, err = s.node.PlanStick(r.Context(), d.Dir, o)
	} else if err == nil {
		p.Plan = all
	}
	if err != nil {
		s.showSticks(w, r, http.StatusConflict, sticks{Fault: s.stickFault(p.page, err)})
		return
	}
	for _, n := range nodes {
		p.Nodes = append(p.Nodes, destination{n, slices.Contains(o.For, n.ID)})
	}
	start(w, http.StatusOK)
	s.show(w, "stick-prepare", p)
}

// destinations are the nodes known here, with what is new for each.
func (s *site) destinations(ctx context.Context, dir string) ([]node.Destination, node.Plan, error) {
	known, err := s.node.MeshMap(ctx)
	if err != nil {
		return nil, node.Plan{}, err
	}
	o := node.PackOptions{All: true}
	for _, n := range known.Nodes {
		if !n.Self && !n.Blocked && len(o.For) < maxDestinations {
			o.For = append(o.For, n.ID)
		}
	}
	plan, err := s.node.PlanStick(ctx, dir, o)
	return plan.For, plan, err
}

// maxDestinations bounds what is worked out for a page.
const maxDestinations = 50

func packOptions(r *http.Request) node.PackOptions {
	r.ParseForm()
	return node.PackOptions{For: r.Form["for"], All: r.Form.Has("all")}
}

func (s *site) packStick(w http.ResponseWriter, r *http.Request) {
	o := packOptions(r)
	s.beginWork(w, r, "pack", func(ctx context.Context, dir string, progress func(node.Progress)) job {
		packed, err := s.node.PackStick(ctx, dir, o, progress)
		return job{Packed: &packed, Err: err}
	})
}

func (s *site) loadStick(w http.ResponseWriter, r *http.Request) {
	s.beginWork(w, r, "load", func(ctx context.Context, dir string, progress func(node.Progress)) job {
		loaded, err := s.node.LoadStick(ctx, dir, progress)
		return job{Loaded: &loaded, Err: err}
	})
}

func (s *site) beginWork(w http.ResponseWriter, r *http.Request, kind string, do func(context.Context, string, func(node.Progress)) job) {
	d, err := s.drive(r)
	if err == nil {
		err = s.work.begin(job{Kind: kind, Label: d.Label, Dir: d.Dir}, func(ctx context.Context, progress func(node.Progress)) job {
			return do(ctx, d.Dir, progress)
		})
	}
	if err != nil {
		s.showSticks(w, r, http.StatusConflict, sticks{Fault: s.stickFault(s.page(w, r), err)})
		return
	}
	http.Redirect(w, r, "/stick", http.StatusSeeOther)
}

// stopWork ends what is being done with a stick, or puts its result away.
func (s *site) stopWork(w http.ResponseWriter, r *http.Request) {
	s.work.end()
	s.work.forget()
	http.Redirect(w, r, "/stick", http.StatusSeeOther)
}

func (s *site) ejectStick(w http.ResponseWriter, r *http.Request) {
	d, err := s.drive(r)
	if err == nil {
		_, err = s.node.Eject(r.Context(), d.Dir)
	}
	if err != nil {
		s.showSticks(w, r, http.StatusConflict, sticks{Fault: s.stickFault(s.page(w, r), err)})
		return
	}
	s.work.forget()
	http.Redirect(w, r, "/stick?removed="+url.QueryEscape(d.Label), http.StatusSeeOther)
}
