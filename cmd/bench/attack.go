package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"savoirs/node"
	"savoirs/p2p/attacktest"
	"savoirs/p2p/linktest"
)

// attackRun is one run of `bench attack`: a victim, an honest node that fetches
// from it, another that it fetches from, and hosts for the attackers.
type attackRun struct {
	b         *bench
	net       *linktest.Net
	victim    *savoirsNode
	holder    *savoirsNode // what the victim fetches is its
	cage      *cage        // of the victim
	arena     *cage        // of all attackers: one machine plays all parts
	address   string       // of the victim, whole
	root      string       // of what it holds
	wanted    string       // of what it fetches
	seconds   time.Duration
	attackers int // hosts
	hands     int // of each

	honest  *process // who fetches now
	fetches chan fetchLine
}

// fetchLine is what the honest node tells of one fetch.
type fetchLine struct {
	took time.Duration
	err  string
}

const (
	victimMemory = 256 << 20
	arenaCPUs    = 0.6
	itemSize     = 4 << 20
	honestEvery  = 100 * time.Millisecond
	leadTime     = 3 * time.Second // for attackers to get going
)

// benchAttack sets strangers on a node that has 256 MiB, and measures how an
// honest node that fetches from it fares.
func benchAttack(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench attack", flag.ContinueOnError)
	only := fs.String("only", "", "attacks to run, by name, comma between; all when empty")
	seconds := fs.Duration("for", 8*time.Second, "how long each attack is measured")
	hands := fs.Int("hands", 250, "what each of the attacking hosts does at once")
	hosts := fs.Int("hosts", 4, "hosts that attack, each with an address of its own")
	as := fs.String("as", "", "play a part (used by the bench itself)")
	address := fs.String("peer", "", "whom (for -as)")
	root := fs.String("root", "", "which item (for -as)")
	data := fs.String("data", "", "of which node (for -as)")
	dir := fs.String("dir", "build", "where to work")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *as != "" {
		return play(ctx, *as, *address, *root, *data, *hands)
	}
	r := &attackRun{seconds: *seconds, attackers: *hosts, hands: *hands}
	defer r.close()
	if err := r.open(ctx, *dir); err != nil {
		return err
	}
	return r.measure(ctx, splitList(*only))
}

// open builds the scene.
func (r *attackRun) open(ctx context.Context, dir string) (err error) {
	if r.net, err = linktest.New(make([]linktest.Link, 2+r.attackers)...); err != nil {
		return err
	}
	if r.cage, err = newCage(fmt.Sprintf("savoirs-victim-%d", os.Getpid()), victimMemory, 0); err != nil {
		return err
	}
	if r.arena, err = newCage(fmt.Sprintf("savoirs-strangers-%d", os.Getpid()), 0, arenaCPUs); err != nil {
		return err
	}
	if r.b, err = newBench(ctx, dir, "", itemSize); err != nil {
		return err
	}
	if r.victim, err = r.startNode(ctx, 0, r.cage.in(r.place(0))); err != nil {
		return err
	}
	if r.holder, err = r.startNode(ctx, 1, r.place(1)); err != nil {
		return err
	}
	item, err := r.b.largeFile(itemSize)
	if err != nil {
		return err
	}
	if r.root, err = r.victim.publish(ctx, item); err != nil {
		return err
	}
	other, err := r.b.anotherFile(itemSize)
	if err != nil {
		return err
	}
	if r.wanted, err = r.holder.publish(ctx, other); err != nil {
		return err
	}
	if err := r.victim.meet(ctx, r.holder); err != nil {
		return err
	}
	if err := r.victim.offered(ctx, r.wanted); err != nil {
		return err
	}
	var id node.MeshID
	if err := r.victim.ask(ctx, &id, "mesh", "id"); err != nil {
		return err
	}
	r.address = id.Addrs[0]
	return nil
}

func (r *attackRun) place(i int) place { return place{r.net.Host(i).IP(), r.net.Host(i).Command} }

// startNode starts a node of host i, in a place there.
func (r *attackRun) startNode(ctx context.Context, i int, in place) (*savoirsNode, error) {
	listen := "/ip4/" + in.ip + "/tcp/4117"
	n, err := r.b.startNode(ctx, in, filepath.Join(r.b.dir, fmt.Sprint("node ", i)), "--listen", listen, "--mdns=false")
	if err == nil {
		n.at = r.place(i) // commands are no part of the node
	}
	return n, err
}

// measure runs the attacks one by one, each after a calm while, and judges.
func (r *attackRun) measure(ctx context.Context, only []string) error {
	fmt.Printf("%d hosts attack with %d hands each, at nice 19 and with %.1f of a processor in all; the victim has %d MiB\n",
		r.attackers, r.hands, arenaCPUs, victimMemory>>20)
	fmt.Printf("%-12s%10s%12s%10s%10s%10s%8s%8s%10s%8s%8s\n",
		"attack", "fetches", "calm p50", "p95", "p50", "p95", "ratio", "failed", "RSS peak", "killed", "peers")
	// First what is fetched: the entries of the last attack stay, and nobody would fetch all that they offer.
	fetched, err := r.measureAll(ctx, only, attacktest.Giving(), r.wanted, 0, "-as", "owner", "-root", r.wanted, "-data", r.victim.data)
	if err != nil {
		return err
	}
	served, err := r.measureAll(ctx, only, attacktest.All(), r.root, 1, "-as", "fetcher", "-peer", r.address, "-root", r.root)
	if err == nil && !(served && fetched) {
		err = errShort
	}
	return err
}

// measureAll runs attacks about an item while an honest part is played in host
// i, and tells whether all went well.
func (r *attackRun) measureAll(ctx context.Context, only []string, attacks []attacktest.Attack, root string, i int, part ...string) (well bool, err error) {
	if len(only) > 0 {
		attacks = slices.DeleteFunc(attacks, func(a attacktest.Attack) bool { return !slices.Contains(only, a.Name) })
	}
	if len(attacks) == 0 {
		return true, nil
	}
	if err := r.startHonest(i, part...); err != nil {
		return false, err
	}
	well = true
	for _, a := range attacks {
		ok, err := r.measureOne(ctx, a.Name, root)
		if err != nil {
			return false, err
		}
		well = well && ok
	}
	return well, nil
}

// measureOne runs an attack after a calm while, and judges.
func (r *attackRun) measureOne(ctx context.Context, name, root string) (well bool, err error) {
	calm, err := r.watch(ctx, r.seconds)
	if err != nil {
		return false, err
	}
	clearPeak(r.victim.cmd.Process.Pid)
	during, err := r.during(ctx, name, root)
	if err != nil {
		return false, err
	}
	ratio := float64(during.at(.95)) / float64(calm.at(.95))
	fmt.Printf("%-12s%10d%12s%10s%10s%10s%8.2f%8d%7.0f MB%8d%8d\n", name, len(during.took), ms(calm.at(.5)), ms(calm.at(.95)),
		ms(during.at(.5)), ms(during.at(.95)), ratio, len(during.failures), r.victim.used().peak, r.cage.killed(), during.peers)
	for _, f := range slices.Compact(slices.Sorted(slices.Values(during.failures))) {
		fmt.Fprintln(os.Stderr, "failed:", f)
	}
	stuck := len(during.took) < len(calm.took)/3 // a fetch under way is in no figure
	return ratio <= 3 && len(during.failures) == 0 && !stuck && r.cage.killed() == 0, nil
}

// during watches while the attackers of all hosts do one thing.
func (r *attackRun) during(ctx context.Context, name, root string) (fetched, error) {
	self, err := os.Executable()
	if err != nil {
		return fetched{}, err
	}
	for i := range r.attackers {
		at := r.arena.in(r.place(2 + i))
		p, err := at.start(nil, "nice", "-n", "19", self, "attack", "-as", name, "-peer", r.address, "-root", root, "-hands", strconv.Itoa(r.hands))
		if err != nil {
			return fetched{}, err
		}
		defer p.kill()
	}
	if _, err := r.watch(ctx, leadTime); err != nil {
		return fetched{}, err
	}
	f, err := r.watch(ctx, r.seconds)
	if err != nil {
		return f, err
	}
	f.peers, err = r.victim.peers(ctx)
	return f, err
}

func (r *attackRun) close() {
	if r.honest != nil {
		r.honest.kill()
	}
	for _, n := range []*savoirsNode{r.victim, r.holder} {
		if n != nil {
			n.stop()
		}
	}
	for _, c := range []*cage{r.cage, r.arena} {
		if c != nil {
			c.open()
		}
	}
	if r.b != nil {
		os.RemoveAll(r.b.dir)
	}
	if r.net != nil {
		r.net.Close()
	}
}

// clearPeak makes VmHWM count from now. See proc(5), clear_refs.
func clearPeak(pid int) { os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }
