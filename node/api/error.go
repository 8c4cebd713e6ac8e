package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"savoirs/node"
)

// Error is a gesture that did not work, as programs see it: Code never changes
// and is never translated, Message is the technical detail in English, Args
// are values for the sentence a language pack makes of Code.
type Error struct {
	Code    string            `json:"code"`
	Exit    int               `json:"exit"` // status a command should end with
	Message string            `json:"message"`
	Args    map[string]string `json:"args,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// ErrNotRunning says that no node answers where the client looked.
var ErrNotRunning = errors.New("no node is running")

// Statuses of commands (UX: exit codes). 0 is success, 130 an interruption.
const (
	exitFailure      = 1
	exitUsage        = 2
	exitNotRunning   = 3
	exitNotFound     = 4
	exitNotAllowed   = 5
	exitIntegrity    = 6
	exitNoSpace      = 7
	exitPolicy       = 9
	exitIncomplete   = 10
	exitUnreachable  = 11
	exitIncompatible = 12
	exitInterrupted  = 130
)

// outcomes is the one place where a reason becomes a status.
var outcomes = map[string]struct{ exit, status int }{
	string(node.Internal):        {exitFailure, http.StatusInternalServerError},
	string(node.Usage):           {exitUsage, http.StatusBadRequest},
	string(node.NotFound):        {exitNotFound, http.StatusNotFound},
	string(node.Ambiguous):       {exitNotFound, http.StatusConflict},
	string(node.NoNode):          {exitNotRunning, http.StatusServiceUnavailable},
	string(node.Exists):          {exitFailure, http.StatusConflict},
	string(node.InUse):           {exitFailure, http.StatusConflict},
	string(node.Busy):            {exitFailure, http.StatusConflict},
	string(node.NoSpace):         {exitNoSpace, http.StatusInsufficientStorage},
	string(node.EmptyFolder):     {exitFailure, http.StatusUnprocessableEntity},
	string(node.OutsideFolder):   {exitNotAllowed, http.StatusUnprocessableEntity},
	string(node.Unreadable):      {exitNotFound, http.StatusUnprocessableEntity},
	string(node.BadCard):         {exitFailure, http.StatusUnprocessableEntity},
	string(node.BadArchive):      {exitIntegrity, http.StatusUnprocessableEntity},
	string(node.CutArchive):      {exitIntegrity, http.StatusUnprocessableEntity},
	string(node.SplitArchive):    {exitFailure, http.StatusUnprocessableEntity},
	string(node.Damaged):         {exitIntegrity, http.StatusConflict},
	string(node.Forged):          {exitIntegrity, http.StatusConflict},
	string(node.Incomplete):      {exitIncomplete, http.StatusBadGateway},
	string(node.NoProvider):      {exitUnreachable, http.StatusBadGateway},
	string(node.Unreachable):     {exitUnreachable, http.StatusBadGateway},
	string(node.Blocked):         {exitPolicy, http.StatusForbidden},
	string(node.BadAddress):      {exitUsage, http.StatusBadRequest},
	string(node.BadWord):         {exitUsage, http.StatusBadRequest},
	string(node.OtherMesh):       {exitPolicy, http.StatusConflict},
	string(node.EmptyQuestion):   {exitUsage, http.StatusBadRequest},
	string(node.QuestionTooLong): {exitUsage, http.StatusRequestEntityTooLarge},
	string(node.NoModel):         {exitIncompatible, http.StatusServiceUnavailable},
	string(node.EngineDied):      {exitFailure, http.StatusBadGateway},
	string(node.NotAModel):       {exitIncompatible, http.StatusUnprocessableEntity},
	string(node.WrongBase):       {exitIncompatible, http.StatusUnprocessableEntity},
	string(node.Unrunnable):      {exitIncompatible, http.StatusUnprocessableEntity},
	string(node.BadModel):        {exitIntegrity, http.StatusUnprocessableEntity},
	string(node.RemoteModel):     {exitPolicy, http.StatusForbidden},
	string(node.Refused):         {exitIntegrity, http.StatusBadGateway},
	string(node.Frozen):          {exitIntegrity, http.StatusConflict},
	string(node.Interrupted):     {exitInterrupted, 499},
	string(node.NotHere):         {exitNotFound, http.StatusNotFound},
	string(node.Private):         {exitPolicy, http.StatusConflict},
	string(node.KeptHome):        {exitNotAllowed, http.StatusForbidden},
	string(node.BadCopies):       {exitUsage, http.StatusBadRequest},
	string(node.UnknownNode):     {exitNotFound, http.StatusNotFound},
	string(node.NoTerritory):     {exitUsage, http.StatusConflict},
	string(node.DriveBusy):       {exitFailure, http.StatusConflict},
	string(node.NoUnmount):       {exitNotAllowed, http.StatusForbidden},
	string(node.NoKit):           {exitNotFound, http.StatusNotFound},
	string(node.NoStick):         {exitNotFound, http.StatusNotFound},
	string(node.BadStick):        {exitIntegrity, http.StatusUnprocessableEntity},
	string(node.BadManifest):     {exitIntegrity, http.StatusUnprocessableEntity},
	string(node.StickDamaged):    {exitIntegrity, http.StatusUnprocessableEntity},
	string(node.StickFull):       {exitNoSpace, http.StatusInsufficientStorage},
	string(node.StickLimit):      {exitNoSpace, http.StatusInsufficientStorage},
	string(node.StickMax):        {exitNoSpace, http.StatusInsufficientStorage},
	string(node.StickBusy):       {exitFailure, http.StatusConflict},
	string(node.StickReadOnly):   {exitNotAllowed, http.StatusConflict},
	string(node.ForWhom):         {exitUsage, http.StatusBadRequest},
	string(node.NoSealKey):       {exitNotFound, http.StatusConflict},
	string(node.NotPrivate):      {exitUsage, http.StatusConflict},
	string(node.Shunning):        {exitPolicy, http.StatusForbidden},
	string(node.Declined):        {exitPolicy, http.StatusConflict},
	string(node.InboxFull):       {exitNoSpace, http.StatusInsufficientStorage},
	string(node.NoConflict):      {exitNotFound, http.StatusConflict},
	"not_running":                {exitNotRunning, http.StatusServiceUnavailable},
	"not_allowed":                {exitNotAllowed, http.StatusForbidden},
	"too_large":                  {exitUsage, http.StatusRequestEntityTooLarge},
}

// Classify turns any error of a gesture into what is told outside. An *Error
// stays itself. nil gives nil.
func Classify(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		e.Exit = exitOf(e.Code)
		return e
	}
	if errors.Is(err, ErrNotRunning) {
		return &Error{Code: "not_running", Exit: exitNotRunning, Message: err.Error()}
	}
	reason, args := node.ReasonOf(err)
	return &Error{Code: string(reason), Exit: exitOf(string(reason)), Message: err.Error(), Args: args}
}

func exitOf(code string) int {
	if o, ok := outcomes[code]; ok {
		return o.exit
	}
	return exitFailure
}

func (s *server) fail(w http.ResponseWriter, e *Error) {
	e.Exit = exitOf(e.Code)
	status := http.StatusInternalServerError
	if o, ok := outcomes[e.Code]; ok {
		status = o.status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(line{Error: e}); err != nil {
		s.o.Log.Debug("write error", "err", err)
	}
}
