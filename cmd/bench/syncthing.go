package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// syncthingNode is one syncthing that knows one other and asks nobody.
type syncthingNode struct {
	at        place
	home, id  string
	mesh, gui int // ports
	*process
}

const syncthingKey = "bench" // of its REST interface, on loopback only

// syncthingPair makes two that know each other: from sends the folder at path,
// to receives it in copy, paused at first.
func syncthingPair(ctx context.Context, dir, path, copy string) (from, to *syncthingNode, err error) {
	if _, err := exec.LookPath("syncthing"); err != nil {
		return nil, nil, absent("syncthing is not here: deploy/bench/peers.sh")
	}
	if from, err = newSyncthing(ctx, filepath.Join(dir, "from")); err != nil {
		return nil, nil, err
	}
	if to, err = newSyncthing(ctx, filepath.Join(dir, "to")); err != nil {
		return nil, nil, err
	}
	if err := from.configure(to, path, "sendonly", false); err != nil {
		return nil, nil, err
	}
	return from, to, to.configure(from, copy, "receiveonly", true)
}

func newSyncthing(ctx context.Context, home string) (*syncthingNode, error) {
	s := &syncthingNode{at: here, home: home}
	if _, _, err := here.run(ctx, "syncthing", "generate", "--home", home, "--no-default-folder"); err != nil {
		return nil, err
	}
	id, _, err := here.run(ctx, "syncthing", "--home", home, "--device-id")
	if err != nil {
		return nil, err
	}
	s.id = strings.TrimSpace(string(id))
	if s.mesh, err = freePort(); err != nil {
		return nil, err
	}
	s.gui, err = freePort()
	return s, err
}

// configure writes all that s is to know. The marker keeps it from taking an
// empty folder for a lost disk.
func (s *syncthingNode) configure(o *syncthingNode, path, kind string, paused bool) error {
	if err := os.MkdirAll(filepath.Join(path, ".stfolder"), 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(`<configuration version="35">
<folder id="data" path="%s" type="%s" rescanIntervalS="0" fsWatcherEnabled="false" paused="%t"><device id="%s"/><device id="%s"/></folder>
<device id="%s" compression="never"><address>tcp://127.0.0.1:%d</address></device>
<device id="%s" compression="never"><address>tcp://127.0.0.1:%d</address></device>
<gui enabled="true" tls="false"><address>127.0.0.1:%d</address><apikey>%s</apikey></gui>
<options><listenAddress>tcp://127.0.0.1:%d</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><urAccepted>-1</urAccepted><crashReportingEnabled>false</crashReportingEnabled>
<startBrowser>false</startBrowser><autoUpgradeIntervalH>0</autoUpgradeIntervalH><reconnectionIntervalS>1</reconnectionIntervalS><stunKeepaliveStartS>0</stunKeepaliveStartS></options>
</configuration>
`, path, kind, paused, s.id, o.id, s.id, s.mesh, o.id, o.mesh, s.gui, syncthingKey, s.mesh)
	return os.WriteFile(filepath.Join(s.home, "config.xml"), []byte(text), 0o600)
}

// serve starts it without its supervisor and waits until it answers.
func (s *syncthingNode) serve(ctx context.Context) (err error) {
	s.process, err = s.at.start([]string{"STMONITORED=yes", "STNOUPGRADE=1"}, "syncthing", "serve", "--home", s.home, "--no-browser", "--no-restart", "--logflags=0")
	if err != nil {
		return err
	}
	err = until(ctx, func() (bool, error) {
		if err := s.ended(); err != nil {
			return false, err
		}
		return s.rest(ctx, "GET", "/rest/system/ping", "", nil) == nil, nil
	})
	if err != nil {
		s.stop()
	}
	return err
}

// rest calls its REST interface and reads the answer into v.
func (s *syncthingNode) rest(ctx context.Context, method, path, body string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", s.gui, path), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Key", syncthingKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("syncthing %s: %s: %s", path, resp.Status, answer)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(answer, v)
}

// syncthingState is what /rest/db/status says of a folder.
type syncthingState struct {
	GlobalFiles int    `json:"globalFiles"`
	NeedFiles   int    `json:"needFiles"`
	State       string `json:"state"`
}

func (s *syncthingNode) state(ctx context.Context) (st syncthingState, err error) {
	err = s.rest(ctx, "GET", "/rest/db/status?folder=data", "", &st)
	return st, err
}

// whole waits until it holds files files and works no more.
func (s *syncthingNode) whole(ctx context.Context, files int) error {
	return until(ctx, func() (bool, error) {
		st, err := s.state(ctx)
		if err != nil {
			return false, err
		}
		return st.GlobalFiles >= files && st.NeedFiles == 0 && st.State == "idle", s.ended()
	})
}

// connected waits until it has met the other.
func (s *syncthingNode) connected(ctx context.Context, o *syncthingNode) error {
	return until(ctx, func() (bool, error) {
		var c struct {
			Connections map[string]struct{ Connected bool }
		}
		err := s.rest(ctx, "GET", "/rest/system/connections", "", &c)
		return c.Connections[o.id].Connected, err
	})
}

// syncthingFetch times a folder from the moment that the receiver starts to
// bring it (its exchange of indexes is over) until it has all: less than what
// we count for ourselves.
func (b *bench) syncthingFetch(ctx context.Context, _ road, path, dir string) (sample, error) {
	files, err := countFiles(path)
	if err != nil {
		return nil, err
	}
	to := filepath.Join(dir, "copy")
	source, dest, err := syncthingPair(ctx, dir, path, to)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Join(path, ".stfolder"))
	if err := source.serve(ctx); err != nil {
		return nil, err
	}
	defer source.stop()
	if err := source.whole(ctx, files); err != nil { // it has read and hashed what it will send
		return nil, err
	}
	if err := dest.serve(ctx); err != nil {
		return nil, err
	}
	defer dest.stop()
	if err := dest.connected(ctx, source); err != nil {
		return nil, err
	}
	if _, err := dest.stateChanges(ctx); err != nil { // it keeps them from now on
		return nil, err
	}
	before := source.used().and(dest.used())
	if err := dest.rest(ctx, "PATCH", "/rest/config/folders/data", `{"paused":false}`, nil); err != nil {
		return nil, err
	}
	if err := dest.whole(ctx, files); err != nil {
		return nil, err
	}
	used := source.used().and(dest.used()).since(before)
	took, err := dest.syncingTime(ctx)
	if err != nil {
		return nil, err
	}
	return sample{"s": took.Seconds(), "CPU s": used.cpu, "RSS MB": used.peak}, sameFiles(path, to)
}

// syncingTime is from the first time that it said it was syncing to the last
// that it said it was idle.
func (s *syncthingNode) syncingTime(ctx context.Context) (time.Duration, error) {
	events, err := s.stateChanges(ctx)
	if err != nil {
		return 0, err
	}
	var first, last time.Time
	for _, e := range events {
		switch {
		case first.IsZero() && strings.HasPrefix(e.Data.To, "sync"):
			first = e.Time
		case !first.IsZero() && e.Data.To == "idle":
			last = e.Time
		}
	}
	if first.IsZero() || last.IsZero() {
		return 0, fmt.Errorf("syncthing never said that it was syncing: %v", events)
	}
	return last.Sub(first), nil
}

// stateChange is an event of syncthing.
type stateChange struct {
	Time time.Time
	Data struct{ Folder, From, To string }
}

// stateChanges are those since it was first asked for them.
func (s *syncthingNode) stateChanges(ctx context.Context) (events []stateChange, err error) {
	err = s.rest(ctx, "GET", "/rest/events?events=StateChanged&since=0&timeout=1", "", &events)
	return events, err
}
