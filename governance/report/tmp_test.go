package report_test
import ("testing";"os";"io";"time";"runtime"
"github.com/commandsec/commandsec-go/governance/report"
"github.com/commandsec/commandsec-go/internal/specimen")
func TestTmp(t *testing.T){
 for n,r:=range map[string]*report.Report{"review":specimen.Review(),"comparison":specimen.Comparison(),"hostile":specimen.Hostile(),"large":specimen.Large(1000,7000)}{
  for e,w:=range map[string]func(io.Writer) error{"html":r.WriteHTML,"txt":r.WriteText,"csv":r.WriteCSV,"json":r.WriteJSON,"ws.csv":r.WriteWorksheet}{
   f,_:=os.Create("/tmp/shots/"+n+"."+e); var a,b runtime.MemStats; runtime.ReadMemStats(&a); s:=time.Now(); if err:=w(f);err!=nil{t.Error(n,e,err)}; runtime.ReadMemStats(&b);st,_:=f.Stat()
   t.Log(n,e,time.Since(s),st.Size()/1024,"KiB, alloc MiB",(b.TotalAlloc-a.TotalAlloc)>>20); f.Close()
  }}}
