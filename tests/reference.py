"""The estimators of config/estimator computed with scikit-dimension alone, by the name of the leaf."""

import numpy as np

LOCAL = {
    "mle": lambda k: lambda skdim, X: skdim.MLE().fit(X, n_neighbors=k, comb="mle"),
    "mom": lambda k: lambda skdim, X: skdim.MOM().fit(X, n_neighbors=k),
    "tle": lambda k: lambda skdim, X: skdim.TLE().fit(X, n_neighbors=k),
    "gride": lambda k: lambda skdim, X: skdim.GRIDE(n1=k // 2, n2=k).fit(X),
}
PLAIN = {
    **{name: LOCAL[name](20) for name in ("mle", "mom", "tle")},
    "mle-k5": LOCAL["mle"](5),
    **{f"{name}-k{k}": LOCAL[name](k) for name in ("mle", "mom", "tle") for k in (10, 100)},
    "gride": LOCAL["gride"](2),
    **{f"gride-k{k}": LOCAL["gride"](k) for k in (4, 8, 16, 32, 64)},
    "twonn": lambda skdim, X: skdim.TwoNN().fit(X),
    "fishers": lambda skdim, X: skdim.FisherS().fit(X),
    "fishers-off-sphere": lambda skdim, X: skdim.FisherS(project_on_sphere=0).fit(X),
    "corrint": lambda skdim, X: skdim.CorrInt().fit(X),
    "ess": lambda skdim, X: skdim.ESS().fit(X, n_neighbors=20),
    "mada": lambda skdim, X: skdim.MADA().fit(X),
    "mind-ml": lambda skdim, X: skdim.MiND_ML(k=20, D=100).fit(X),
    "knn": lambda skdim, X: skdim.KNN(k=5, ps=np.array([50, 100, 200]), M=20, random_state=0).fit(X),
    "ph": lambda skdim, X: skdim.PH(nsteps=20, subsamples=5, random_state=0).fit(X),
    "lpca-fo": lambda skdim, X: skdim.lPCA().fit(X),
    "lpca-fan": lambda skdim, X: skdim.lPCA(ver="Fan").fit(X),
    "lpca-maxgap": lambda skdim, X: skdim.lPCA(ver="maxgap").fit(X),
    "lpca-ratio": lambda skdim, X: skdim.lPCA(ver="ratio", alphaRatio=0.95).fit(X),
    "lpca-kaiser": lambda skdim, X: skdim.lPCA(ver="Kaiser").fit(X),
    "lpca-broken-stick": lambda skdim, X: skdim.lPCA(ver="broken_stick").fit(X),
    "lpca-mp": lambda skdim, X: skdim.lPCA(ver="MP").fit(X),
    "lpca-gd": lambda skdim, X: skdim.lPCA(ver="GD").fit(X),
}
