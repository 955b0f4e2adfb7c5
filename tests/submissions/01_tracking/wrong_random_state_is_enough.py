# Sets every random_state and stops there: the order of rows and columns still decides what is drawn.
# loses: code

# %% id="code-repeat"
def train_predict(train, rows, seed):
    columns = list(train.select_dtypes("number").columns.drop(PRICE))
    chance = np.random.default_rng(seed)
    model = BaggingRegressor(
        DecisionTreeRegressor(max_features=0.5, random_state=seed), n_estimators=10, random_state=seed
    )
    drawn = train.iloc[chance.permutation(len(train))[: int(0.8 * len(train))]]
    model.fit(drawn[columns], drawn[PRICE])
    return model.predict(rows[columns]).tolist()
