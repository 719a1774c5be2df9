import sys,time,os,json; sys.path.insert(0,'/tmp')
from pathlib import Path
from harness.rehearsal import Rehearsal
from sandbox.sandbox import Sandbox
from threads import threads
import psutil
d=Path(sys.argv[1]); name=sys.argv[2]; rate=sys.argv[3]; dur=sys.argv[4]; flags=sys.argv[5:]
sb=Sandbox(d)
r=Rehearsal(name, sb.endpoints(), Path('/tmp/rh'))
r.prepare()
pids=sb.pids()
def snap():
    out={n:threads(p) for n,p in pids.items()}
    me=psutil.Process(pids['python-workers'])
    w=0
    for p in psutil.process_iter(['cmdline','ppid','cpu_times']):
        c=' '.join(p.info['cmdline'] or [])
        if 'sdk_worker' in c and str(d) in ' '.join(p.environ().get(k,'') for k in ('PWD','HOME','SANDBOX_DIR')) or ('sdk_worker' in c): w+=p.info['cpu_times'].user+p.info['cpu_times'].system
    out['sdk_workers(all)']={'all':w}
    return out
a=snap(); t0=time.time()
job=r.submit_to_flink(flags)
b=snap(); t1=time.time()
s=r.simulate([f"--rate_per_sec={rate}",f"--duration_sec={dur}","--duplicate_ratio=0.01","--conflict_ratio=0.003","--late_ratio=0.003","--invalid_ratio=0.003"]); s.wait(400)
c=snap(); t2=time.time()
rep=r.reconcile(240, lambda t:None); t3=time.time()
e=snap()
def tot(x): return {n:round(sum(v.values())) for n,v in x.items()}
def diff(x,y): return {n: {k:round(y[n][k]-x[n].get(k,0),1) for k in y[n] if y[n][k]-x[n].get(k,0)>0.5} for n in y}
print('phases', round(t1-t0), round(t2-t1), round(t3-t2))
for lbl,x,y in (('submit',a,b),('load',b,c),('tail',c,e)):
    print(lbl, {n:round(sum(y[n].values())-sum(x[n].values()),1) for n in y})
for n in ('taskmanager-1','expansion','kafka','bigquery'):
    print(n, 'submit', diff(a,b)[n]); print(n,'load', diff(b,c)[n])
print(rep.text().splitlines()[-1])
r.flink.cancel(job)
