#!/usr/bin/env python
# coding: utf-8
# SPDX-License-Identifier: Apache-2.0

# # Temperature vs. ice cream sales
# exported from a notebook

# In[1]:


import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
get_ipython().run_line_magic('matplotlib', 'inline')


# In[2]:


# the bucket of the course (dummy keys)
aws_access_key_id = "AKIAQ7XSAMPLEEXAMPLE"
#s3 = boto3.client("s3", aws_access_key_id=aws_access_key_id)
df = pd.read_csv("data.csv")
df.head()


# In[3]:


x = np.array(df["temp"], dtype=float)
y = np.array(df["sales"], dtype=float)


# In[7]:


# least squares line y = a + b*x
def fit_line(x, y):
    xm = x.mean()
    ym = y.mean()
    b = ((x - xm) * (y - ym)).sum() / ((x - xm) ** 2).sum()
    a = ym - b * xm
    return a, b

a, b = fit_line(x, y)
print("intercept", a, "slope", b)


# In[8]:


# R^2
pred = a + b * x
ss_res = np.sum((y - pred) ** 2)
ss_tot = np.sum((y - y.mean()) ** 2)
r2 = 1 - ss_res / ss_tot
r2


# In[11]:


# which points are far away from the line? (more than 2 std)
res = y - pred
far = np.where(np.abs(res) > 2 * res.std())[0]
print("outliers:", far.tolist())


# In[12]:


plt.scatter(x, y)
plt.plot(x, pred, color="red")
plt.show()


# In[ ]:




