package node

import "time"

// A stick carries between nodes what the mesh would, in both directions: items
// for those who lack them, everybody's entries and holdings, want lists (what a
// node has and lacks) and receipts (what came to a node by stick). It is
// trusted with nothing: content is checked by its hashes, statements by the
// signatures of those who made them, and whoever carries it is blamed for
// nothing that is wrong with it.
//
//	PlanStick → PackStick     what others lack, the most wanted and rarest first
//	LoadStick                 what is for this node, and the news of everybody
//	InspectStick, VerifyStick need no node

// Who is a node as people know it. What it says of itself nobody vouches for.
type Who struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	Territory string `json:"territory,omitempty"`
}

// PackOptions say for whom a stick is packed. At least one of For, WantList and
// All is set; they add up.
type PackOptions struct {
	For      []string `json:"for,omitempty"`       // nodes, by id or by a name that one alone has
	WantList bool     `json:"want_list,omitempty"` // every node whose want list is known, here or from the stick
	All      bool     `json:"all,omitempty"`       // whoever comes: all that is published and here
	Max      int64    `json:"max,omitempty"`       // most bytes to write now, 0 for what is free
	Private  []string `json:"private,omitempty"`   // private items, sealed for the nodes of For and nobody else
	Anew     bool     `json:"anew,omitempty"`      // the list on the stick cannot be read: begin a new one
}

// Plan is what a packing would write. Sizes are in bytes.
type Plan struct {
	Dir        string        `json:"dir"`
	New        bool          `json:"new"`         // there is no stick there yet
	FileSystem string        `json:"file_system"` // such as vfat, exfat, ext4; "" unknown
	Free       int64         `json:"free"`        // on the stick now
	Room       int64         `json:"room"`        // that content may take: what is free or Max, less what letters and lists take
	Write      int64         `json:"write"`       // content that would be written
	Blocks     int           `json:"blocks"`      // of these
	Largest    int64         `json:"largest"`     // no file is larger, at most 1 GiB
	Items      []PlannedItem `json:"items"`       // that would go, in the order they are written
	Left       []PlannedItem `json:"left"`        // that would not, each with why
	For        []Destination `json:"for"`
	All        bool          `json:"all"`
	Entries    int           `json:"entries"`  // of the catalogue, not on the stick yet
	Holdings   int           `json:"holdings"` // what nodes say they hold, passed on
	Wants      int           `json:"wants"`    // want lists passed on
	Receipts   int           `json:"receipts"` // receipts passed on
}

// PlannedItem is an item that goes, or that is left and why.
type PlannedItem struct {
	Title  string `json:"title"`
	Kind   string `json:"kind"`
	Root   string `json:"root"`
	Author string `json:"author"`
	Size   int64  `json:"size"`             // of all its content
	Bytes  int64  `json:"bytes"`            // to be written: what those it is for lack and the stick has not
	Blocks int    `json:"blocks"`           // of these
	For    []Who  `json:"for"`              // nobody: whoever comes
	Wanted bool   `json:"wanted"`           // one of them asked for it
	Copies int    `json:"copies"`           // known, this node's counted
	Sealed bool   `json:"sealed,omitempty"` // private, for those of For alone
	Why    string `json:"why,omitempty"`
}

// Why an item is left.
const (
	WhyNoRoom  = "no_room" // on the stick, or under Max
	WhyDamaged = "damaged" // here; verify repairs it
)

// Destination is a node that a stick is packed for.
type Destination struct {
	Who
	Known   bool  `json:"known"`   // its want list is: only what it lacks is written
	Items   int   `json:"items"`   // for it
	New     int64 `json:"new"`     // bytes of these that it lacks
	There   int64 `json:"there"`   // bytes of these that it has already, and that are not written
	Entries int   `json:"entries"` // of the catalogue, that it lacks
}

// Packed is what a packing wrote.
type Packed struct {
	Plan
	Stick   string `json:"stick"`   // the stick's own name, random
	Count   uint64 `json:"count"`   // of writings on it, this one included
	Written int64  `json:"written"` // bytes of content
}

// Loaded is what a stick brought.
type Loaded struct {
	Stick  string    `json:"stick"`
	By     Who       `json:"by"` // who wrote on it last
	Count  uint64    `json:"count"`
	Older  bool      `json:"older,omitempty"` // a later writing of this stick was read here before
	Items  []Arrival `json:"items"`           // for this node, in the order of the stick
	Others int       `json:"others"`          // items for other nodes, not looked at
	Bytes  int64     `json:"bytes"`           // of content copied
	Blocks int       `json:"blocks"`          // of these

	Entries  int            `json:"entries"`           // new in the catalogue
	Refused  map[string]int `json:"refused,omitempty"` // statements not taken, by why
	Holdings int            `json:"holdings"`          // new
	Wants    int            `json:"wants"`             // new
	Receipts []Receipt      `json:"receipts"`          // read now for the first time, of items of this node

	Written bool   `json:"written"`           // this node's receipts and want list were put on the stick
	WhyNot  string `json:"why_not,omitempty"` // not, if they were to be: read_only, full, in_use, error
}

// Arrival is an item of a stick and what became of it here.
type Arrival struct {
	Title  string `json:"title"`
	Kind   string `json:"kind"`
	Root   string `json:"root"`
	Author Who    `json:"author"`
	Size   int64  `json:"size"`
	State  State  `json:"state"`
	Why    string `json:"why,omitempty"`    // of what was refused
	Bytes  int64  `json:"bytes"`            // copied now
	Blocks int    `json:"blocks"`           // of these
	Lacks  int    `json:"lacks"`            // blocks known to lack, of what is incomplete
	Sealed bool   `json:"sealed,omitempty"` // private, for this node and perhaps others named inside
}

// State is what became of an item that came by stick.
type State string

const (
	Delivered        State = "delivered"  // it is here, whole, and new
	AlreadyHere      State = "here"       // it was here before
	Waits            State = "waiting"    // in the inbox, for a person's yes
	WasRefused       State = "refused"    // and why
	ArrivedDamaged   State = "damaged"    // its blocks are none of an item
	ArrivedPartly    State = "incomplete" // blocks lack; they are asked for
	RepairedByStick  State = "repaired"   // it was here, damaged
	NotLoadedForRoom State = "no_space"   // it does not fit on this machine
)

// Why an item or a statement of a stick is refused.
const (
	WhyBlocked   = "blocked"   // a person here blocked its author, or it was proved to lie
	WhyWithdrawn = "withdrawn" // its author offers it no more
	WhyUnsigned  = "unsigned"  // nobody's entry offers it
	WhyDeclined  = "declined"  // a person here said no before
	WhyForged    = "forged"    // not signed by whom it names
	WhyMalformed = "malformed"
	WhyQuota     = "quota" // too many of authors nobody here trusts
	WhyFork      = "fork"  // its author signed two entries with one number
	WhyGap       = "gap"   // what comes before it lacks
	WhyBusy      = "busy"  // something else is working on it here
)

// Receipt says what became at a node of an item that came to it by stick.
type Receipt struct {
	Node  Who       `json:"node"` // where it came
	Root  string    `json:"root"`
	Title string    `json:"title,omitempty"` // as known here
	Mine  bool      `json:"mine"`            // published by this node
	State State     `json:"state"`
	Why   string    `json:"why,omitempty"`
	By    Who       `json:"by"`            // who wrote the stick it came with
	Read  time.Time `json:"read,omitzero"` // when this node read of it, by its own clock
}

// StickInfo is what a stick says of itself. Nothing but its list, its letters
// and the titles in its entries is read.
type StickInfo struct {
	Dir        string      `json:"dir"`
	FileSystem string      `json:"file_system"`
	Free       int64       `json:"free"`
	Stick      string      `json:"stick"`
	By         Who         `json:"by"`    // who wrote on it last
	Count      uint64      `json:"count"` // of writings on it
	Items      []StickItem `json:"items"`
	Packs      int         `json:"packs"`
	Bytes      int64       `json:"bytes"` // of the packs
	Blocks     int         `json:"blocks"`
	Entries    int         `json:"entries"`
	Holdings   int         `json:"holdings"`
	Wants      []Who       `json:"wants"`    // whose want lists are on it
	Receipts   []Who       `json:"receipts"` // whose receipts are
	Sealed     int         `json:"sealed"`   // files for named people
	Damage     []string    `json:"damage,omitempty"`
}

// StickItem is an item that a stick names.
type StickItem struct {
	Title  string `json:"title"` // as its author calls it, "" when no entry on the stick does
	Kind   string `json:"kind"`
	Root   string `json:"root"`
	Author Who    `json:"author"`
	Size   int64  `json:"size"`   // of all its content, as its author says
	Bytes  int64  `json:"bytes"`  // of it on the stick
	Blocks int64  `json:"blocks"` // of these
	For    []Who  `json:"for"`    // nobody: whoever comes
	By     Who    `json:"by"`     // who put it there
}

// StickReport is what VerifyStick found.
type StickReport struct {
	StickInfo
	Checked int64 `json:"checked"` // bytes read
	Right   bool  `json:"right"`   // all of it
}
